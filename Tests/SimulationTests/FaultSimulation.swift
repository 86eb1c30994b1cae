import Foundation
import TestSupport
import Testing

@Suite("whole sessions among random faults")
struct FaultSimulation {
    private static let lanes = 4

    private static var seeds: Int {
        ProcessInfo.processInfo.environment["SIMULATION_SEEDS"].flatMap { Int($0) } ?? 3_000
    }

    @Test(
        "no mixed-up response, no cut that looks whole, no buffer left", arguments: 0..<lanes)
    func faults(lane: Int) throws {
        let pki = try TestPKI()
        let worker = try SimulatedWorker(pki)
        let environment = ProcessInfo.processInfo.environment
        let only = environment["SIMULATION_SEED"].flatMap { UInt64($0) }
        let all = (1...UInt64(Self.seeds)).filter { Int($0) % Self.lanes == lane }
        var failures = 0
        for seed in only.map({ [$0] }) ?? all {
            let before = worker.outstanding
            var wire = FaultyWire(seed: seed, worker: worker)
            wire.run()
            let faults = wire.plan.faults.map { "\($0)" }.sorted().joined(separator: " ")
            do {
                try wire.verdict()
            } catch {
                failures += 1
                Issue.record("seed \(seed) (\(faults)): \(error)")
            }
            let leaked = worker.outstanding - before
            if leaked != 0, wire.isRemoved {
                failures += 1
                Issue.record("seed \(seed) (\(faults)): \(leaked) buffers are still out")
            }
            if failures > 10 || leaked != 0 { break }
        }
    }
}

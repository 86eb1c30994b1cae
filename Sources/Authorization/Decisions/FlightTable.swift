/// What is under way, by number. Places are used again; numbers are not, for as long as 32 bits
/// last.
struct FlightTable<Flight: Sendable>: Sendable {
    private struct Place {
        var flight: Flight?
        /// How often something ended here.
        var generation: UInt32 = 0
    }

    private var places: ContiguousArray<Place> = []
    private var free: ContiguousArray<Int> = []

    /// How many there are.
    var count: Int { places.count - free.count }

    /// Numbers of all that is under way. Allocates.
    var numbers: [UInt64] {
        places.indices.compactMap { places[$0].flight == nil ? nil : number(of: $0) }
    }

    /// Adds `flight`; returns its number.
    mutating func insert(_ flight: Flight) -> UInt64 {
        guard let index = free.popLast() else {
            places.append(Place(flight: flight))
            return number(of: places.count - 1)
        }
        places[index].flight = flight
        return number(of: index)
    }

    /// Ends what `number` names, if it still names something.
    mutating func remove(_ number: UInt64) -> Flight? {
        guard let index = index(of: number), let flight = places[index].flight.take() else {
            return nil
        }
        places[index].generation &+= 1
        free.append(index)
        return flight
    }

    /// Changes what `number` names, if it still names something.
    mutating func change<Result>(
        _ number: UInt64, _ body: (inout Flight) -> Result
    ) -> Result? {
        guard let index = index(of: number), var flight = places[index].flight.take() else {
            return nil
        }
        defer { places[index].flight = flight }
        return body(&flight)
    }

    private func number(of index: Int) -> UInt64 {
        UInt64(places[index].generation) << 32 | UInt64(index)
    }

    private func index(of number: UInt64) -> Int? {
        let index = Int(truncatingIfNeeded: number & 0xffff_ffff)
        guard index < places.count, number >> 32 == UInt64(places[index].generation) else {
            return nil
        }
        return index
    }
}

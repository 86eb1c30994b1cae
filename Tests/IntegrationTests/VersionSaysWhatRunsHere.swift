import Testing

@Suite struct VersionSaysWhatRunsHere {
    @Test("`postern version` names the libraries, the kernel, and whether io_uring works")
    func version() throws {
        let output = try GatewayUnderTest.shell([GatewayUnderTest.binary, "version"])
        let lines = output.text.split(separator: "\n")
        let kernel = try GatewayUnderTest.shell(["uname", "-r"]).text
        #expect(output.status == 0 && lines.count == 5, "\(output.text)")
        #expect(lines.first?.hasPrefix("postern ") == true)
        #expect(lines.contains { $0.hasPrefix("OpenSSL: ") && $0.contains("3.") })
        let liburing = lines.first { $0.hasPrefix("liburing: ") }?.dropFirst("liburing: ".count)
        #expect(liburing?.first?.isNumber == true && liburing?.contains(".") == true)
        #expect(lines.contains { $0 == "kernel: \(kernel.dropLast())" })
        let probe = lines.first { $0.hasPrefix("io_uring: ") } ?? ""
        #expect(probe.contains("works here") || probe.contains("the event loop uses epoll"))
    }
}

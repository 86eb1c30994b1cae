import ArgumentParser
import Glibc

/// Small files, written whole under a temporary name and renamed: a reader never sees half of one.
enum OutputFile {
    static func write(_ text: String, to path: String, mode: mode_t) throws {
        let temporary = path + ".new"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(path) }
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            guard count > 0 else { throw failure(path) }
            bytes = bytes.dropFirst(count)
        }
        close(descriptor)
        guard unsafe rename(temporary, path) == 0 else { throw failure(path) }
    }

    private static func failure(_ path: String) -> any Error {
        let reason = unsafe String(cString: strerror(errno))
        Terminal.error("error: \(path) cannot be written: \(reason)")
        return ExitCode(1)
    }
}

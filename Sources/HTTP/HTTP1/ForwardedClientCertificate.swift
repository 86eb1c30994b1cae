public import Core

/// Joins the `X-Forwarded-Client-Cert` of a trusted hop with ours, in one line: of several lines
/// many back ends read only the first, which would be the hop's word for who is at our door.
public enum ForwardedClientCertificate {
    /// The most fields that are joined.
    static let fieldLimit = 4

    /// Appends the line to `insertions`: the received values in their order, then `appendix`, which
    /// ends with CRLF. The fields themselves are not forwarded.
    ///
    /// Call it after the screening that kept them. Everything viewed must stay until the send has
    /// completed. Without a received value the line has ours only.
    /// - Precondition: `appendix` is not empty: it has the end of the line.
    /// - Throws: 400 when there are more than `fieldLimit` fields, or a value is not `isWhole`.
    public static func join(
        _ bytes: ByteView, _ storage: inout HeadStorage, appendix: ByteView,
        into insertions: inout SegmentList
    ) throws(RequestError) {
        precondition(!appendix.isEmpty, "the line has no end")
        insertions.append(ByteView("X-Forwarded-Client-Cert: "))
        var joined = 0
        var index = 0
        while index < storage.count {
            let field = storage[index]
            if field.id == .xForwardedClientCert, field.disposition == .keep {
                storage.setDisposition(.rewritten, at: index)
                if !field.value.isEmpty {
                    joined += 1
                    guard joined <= fieldLimit else {
                        throw .badRequest("too many X-Forwarded-Client-Cert fields")
                    }
                    guard isWhole(bytes[field.value]) else {
                        throw .badRequest("X-Forwarded-Client-Cert with an open quotation")
                    }
                    insertions.append(bytes[field.value])
                    insertions.append(ByteView(","))
                }
            }
            index += 1
        }
        insertions.append(appendix)
    }

    /// Whether what comes behind `value` and a comma is an element of its own to every reader: no
    /// quotation is open, and there is no backslash outside of one, which only some take for an
    /// escape.
    private static func isWhole(_ value: ByteView) -> Bool {
        var isQuoted = false
        var isEscaped = false
        for index in 0..<value.count {
            if isEscaped {
                isEscaped = false
                continue
            }
            switch value[index] {
            case UInt8(ascii: "\\"):
                guard isQuoted else { return false }
                isEscaped = true
            case UInt8(ascii: "\""): isQuoted.toggle()
            default: break
            }
        }
        return !isQuoted && !isEscaped
    }
}

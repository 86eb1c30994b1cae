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
    /// - Throws: 400 when there are more than `fieldLimit` fields.
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
                    insertions.append(bytes[field.value])
                    insertions.append(ByteView(","))
                }
            }
            index += 1
        }
        insertions.append(appendix)
    }
}

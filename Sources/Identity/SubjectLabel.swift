import TLS

extension ClientIdentity {
    /// The most bytes of a subject that a log line has.
    public static var labelLimit: Int { 1_024 }

    /// The verified subject for log lines: the text of the `subject` format, printable ASCII, cut
    /// after `labelLimit` bytes.
    ///
    /// Empty for who is anonymous, and where no text is true to the subject: it is empty, or has
    /// control characters (security rule S10).
    public var subjectLabel: [UInt8] {
        guard let peer else { return [] }
        do throws(IdentityError) {
            let text = try SubjectText.render(peer.leaf.subject, .escaped) ?? []
            return Array(text.prefix(Self.labelLimit))
        } catch {
            return []
        }
    }
}

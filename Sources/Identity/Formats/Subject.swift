import TLS

extension IdentityFormat {
    /// `CN=client1`: the sample's plain form, bytes outside ASCII as `\XX`.
    static let subject = IdentityFormat(name: "subject") { (input) throws(IdentityError) in
        try SubjectText.render(input.leaf.subject, .escaped)
    }
}

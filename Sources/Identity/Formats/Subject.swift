import TLS

extension IdentityFormat {
    /// `CN=client1`: the sample's plain form, bytes outside ASCII as `\XX`.
    static let subject = IdentityFormat(name: "subject") { (peer) throws(IdentityError) in
        try SubjectText.render(peer.leaf.subject, .escaped)
    }
}

import TLS

extension IdentityPreset {
    /// Kubernetes' ingress-nginx.
    static let ingressNginx = IdentityPreset(
        "ingress-nginx", "Kubernetes' ingress-nginx.",
        [
            Member("ssl-client-cert") { input in nginxEscapedCertificate(input) },
            Member("ssl-client-verify", anonymous: "NONE") { _ in Array("SUCCESS".utf8) },
            Member("ssl-client-subject-dn") { (input) throws(IdentityError) in
                try NameText.subject(input, .rfc2253)
            },
            Member("ssl-client-issuer-dn") { (input) throws(IdentityError) in
                try NameText.issuer(input, .rfc2253)
            },
        ])
}

import Crypto
import TLS

extension IdentityPreset {
    /// Azure App Service.
    static let azure = IdentityPreset(
        "azure", "Azure App Service.",
        [
            Member("X-ARR-ClientCert") { input in Base64.encode(input.leaf.der) }
        ])
}

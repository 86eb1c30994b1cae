import Authorization
import Identity
import Testing

@Suite struct AuthorizerTests {
    @Test("an anonymous client passes only where nothing is required") func anonymous() {
        guard
            case .allow = Authorizer.decide(identity: .anonymous, requirement: .none),
            case .deny(let reason) = Authorizer.decide(
                identity: .anonymous, requirement: .verifiedCertificate)
        else {
            Issue.record("the wrong decision")
            return
        }
        #expect(reason == .certificateRequired)
        #expect(Set(Denial.allCases.map(\.detail.description)).count == 3)
    }
}

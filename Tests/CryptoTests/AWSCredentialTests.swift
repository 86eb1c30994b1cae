import Crypto
import Testing

@Suite("credentials for AWS, from the environment and from shared files")
struct AWSCredentialTests {
    private static let keys = ["AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s3cret/+"]

    private func sources(
        _ environment: [String: String]
    ) -> Result<[AWSCredentialSource], AWSCredentialProblem> {
        do throws(AWSCredentialProblem) {
            return .success(try AWSCredentialChain(environment: environment).sources)
        } catch {
            return .failure(error)
        }
    }

    @Test("variables come before files") func precedence() {
        let credentials = SignatureV4.Credentials(accessKey: "AKID", secretKey: "s3cret/+")
        #expect(
            sources(Self.keys.merging(["HOME": "/home/a", "AWS_PROFILE": "p"]) { $1 })
                == .success([.environment(credentials)]))
        var temporary = credentials
        temporary.sessionToken = "token=="
        #expect(
            sources(Self.keys.merging(["AWS_SESSION_TOKEN": "token=="]) { $1 })
                == .success([.environment(temporary)]))
        #expect(
            sources(Self.keys.merging(["AWS_SESSION_TOKEN": ""]) { $1 })
                == .success([.environment(credentials)]))
    }

    @Test(
        "variables that are there by half, or cannot be signed by, end the search",
        arguments: [
            (
                ["AWS_ACCESS_KEY_ID": "AKID"],
                "environment: AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"
            ),
            (
                ["AWS_SECRET_ACCESS_KEY": "s", "AWS_ACCESS_KEY_ID": ""],
                "environment: AWS_SECRET_ACCESS_KEY is set, AWS_ACCESS_KEY_ID is not"
            ),
            (
                keys.merging(["AWS_SESSION_TOKEN": "a\r\nX-Injected: b"]) { $1 },
                "environment: the session token has blanks, or other characters than visible ASCII"
            ),
            (
                keys.merging(["AWS_ACCESS_KEY_ID": "AK/ID"]) { $1 },
                "environment: the access key's id has a slash or a comma"
            ),
            (
                keys.merging(["AWS_SECRET_ACCESS_KEY": String(repeating: "x", count: 1_025)]) {
                    $1
                }, "environment: the secret access key is longer than 1024 bytes"
            ),
        ])
    func badVariables(environment: [String: String], problem: String) {
        #expect(sources(environment) == .failure(AWSCredentialProblem(problem)))
    }

    @Test("which file and profile, by the variables that AWS's tools know") func places() {
        let cases: [([String: String], String?)] = [
            ([:], nil),
            (["HOME": "/home/a"], "the profile 'default' of /home/a/.aws/credentials"),
            (
                ["HOME": "/home/a", "AWS_PROFILE": "edge"],
                "the profile 'edge' of /home/a/.aws/credentials"
            ),
            (
                ["HOME": "/home/a", "AWS_SHARED_CREDENTIALS_FILE": "/run/secrets/aws"],
                "the profile 'default' of /run/secrets/aws"
            ),
            (
                ["HOME": "/home/a", "AWS_SHARED_CREDENTIALS_FILE": "~/keys"],
                "the profile 'default' of /home/a/keys"
            ),
        ]
        for (environment, expected) in cases {
            let file = AWSCredentialsFile(environment: environment)
            #expect(file.map { "\($0)" } == expected)
            #expect(
                file.map { $0.isNamed } ?? false
                    == (environment.count == 2
                        && environment["AWS_SHARED_CREDENTIALS_FILE"] != nil))
        }
    }

    private func read(
        _ text: String, profile: String? = nil
    ) -> Result<SignatureV4.Credentials?, AWSCredentialProblem> {
        var environment = ["AWS_SHARED_CREDENTIALS_FILE": "f"]
        environment["AWS_PROFILE"] = profile
        do throws(AWSCredentialProblem) {
            let file = AWSCredentialsFile(environment: environment)
            return .success(try file?.credentials(in: Array(text.utf8)))
        } catch {
            return .failure(error)
        }
    }

    private static let file = """
        # comment
        ; another\r
        [default]
        aws_access_key_id = AKDEFAULT
        aws_secret_access_key=abc/+=
        region = eu-central-1

        [ edge ] # ours
          AWS_ACCESS_KEY_ID\t=\tAKEDGE
          aws_secret_access_key = def
          aws_session_token = t=o=k
        s3 =
          max_concurrent_requests = 10
          nonsense
        [other]
        [aws]
        role_arn = arn:aws:iam::123456789012:role/x
        [half]
        aws_access_key_id = AKHALF
        [empty]
        region = x
        """

    @Test("profiles, comments, blanks, indentation, nested keys") func profiles() {
        #expect(
            read(Self.file)
                == .success(.init(accessKey: "AKDEFAULT", secretKey: "abc/+=")))
        #expect(
            read(Self.file, profile: "edge")
                == .success(.init(accessKey: "AKEDGE", secretKey: "def", sessionToken: "t=o=k")))
        #expect(read("") == .success(nil))
        #expect(read("[default]\nregion = x") == .success(nil))
    }

    @Test(
        "mistakes say where, and never quote the file",
        arguments: [
            (file, "nobody", "f: there is no profile 'nobody' (AWS_PROFILE)"),
            (file, "half", "f: the profile 'half' has no aws_secret_access_key"),
            (file, "empty", "f: the profile 'empty' has no aws_access_key_id"),
            (
                file, "aws",
                "f: the profile 'aws' has role_arn, which is not supported: give it an access key"
            ),
            ("[a]\n\nhidden\n", "a", "f:3: 'key = value' or '[profile]' is expected"),
            ("hidden = 1\n[a]", "a", "f:1: a key stands above the first '[profile]'"),
            ("[x]\n[hidden", "a", "f:2: a profile's name begins with '[' and has no ']'"),
            ("[a]\nk = hidden\nK = 2", "a", "f:3: a key of the profile stands here twice"),
            (
                "[a]\naws_secret_access_key = x\n  hidden", "a",
                "f:3: this line is indented, and goes on with aws_secret_access_key"
            ),
            (
                "[a]\naws_access_key_id = x\naws_secret_access_key = hidden words", "a",
                "f: the profile 'a' cannot be used: the secret access key has blanks, or other "
                    + "characters than visible ASCII"
            ),
        ])
    func mistakes(text: String, profile: String, problem: String) {
        #expect(read(text, profile: profile) == .failure(AWSCredentialProblem(problem)))
        #expect(!problem.contains("hidden"))
    }

    @Test("valid until the second that they expire in") func expiry() {
        var credentials = SignatureV4.Credentials(accessKey: "a", secretKey: "b")
        #expect(credentials.isValid(at: .max))
        credentials.expiry = 100
        #expect(credentials.isValid(at: 99))
        #expect(!credentials.isValid(at: 100))
    }

    @Test("no text of credentials has a secret in it") func secrecy() {
        let credentials = SignatureV4.Credentials(
            accessKey: "AKID", secretKey: "hidden-key", sessionToken: "hidden-token")
        var dumped = ""
        dump(credentials, to: &dumped)
        dump(AWSCredentialSource.environment(credentials), to: &dumped)
        for text in [
            "\(credentials)", String(reflecting: credentials), dumped, "\([credentials])",
            String(reflecting: AWSCredentialSource.environment(credentials)),
            "\(AWSCredentialSource.environment(credentials))",
        ] {
            #expect(!text.contains("hidden"))
            #expect(!text.isEmpty)
        }
    }

    @Test("any bytes are read or refused, and no error quotes them") func noise() {
        var seed: UInt64 = 0x9e37_79b9_7f4a_7c15
        func random(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        let start = Array(
            "[default]\naws_access_key_id = hidden\naws_secret_access_key = hidden".utf8)
        let file = AWSCredentialsFile(environment: ["AWS_SHARED_CREDENTIALS_FILE": "f"])
        var outcomes = (found: 0, none: 0, refused: 0)
        for _ in 0..<3_000 {
            var text = start
            for _ in 0...random(4) {
                text[random(text.count)] = Array("[]=#;\n\r\t aZ\u{e9}".utf8)[random(13)]
            }
            do throws(AWSCredentialProblem) {
                if try file?.credentials(in: text) == nil {
                    outcomes.none += 1
                } else {
                    outcomes.found += 1
                }
            } catch {
                outcomes.refused += 1
                #expect(!error.description.contains("hidden"))
            }
        }
        #expect(outcomes.found > 100 && outcomes.none > 10 && outcomes.refused > 100)
    }
}

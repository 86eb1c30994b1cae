internal import COpenSSL

extension CertificateFiles {
    /// The chain, leaf first.
    func certificates() throws(TLSConfigurationError) -> CertificateList {
        try PEMFile(path: chain, contents: contents[chain]).certificates()
    }

    /// The private key. The caller frees it.
    func privateKey() throws(TLSConfigurationError) -> OpaquePointer {
        var passphrase: PEMFile.Passphrase?
        if let passphraseFile {
            passphrase = try PEMFile(
                path: passphraseFile, contents: contents[passphraseFile]
            ).passphrase()
        }
        return unsafe try PEMFile(path: key, contents: contents[key]).privateKey(
            passphrase: passphrase)
    }

    /// Fails unless `key` is the leaf's.
    func check(
        _ key: OpaquePointer, fits certificates: CertificateList
    ) throws(TLSConfigurationError) {
        ErrorQueue.clear()
        guard unsafe X509_check_private_key(certificates[0], key) == 1 else {
            ErrorQueue.clear()
            throw TLSConfigurationError(
                self.key, "does not fit the first certificate of \(chain)",
                advice: "put the leaf first, and use the key that it was issued for")
        }
    }

    /// Everything that is wrong with these files, each with the file at fault as its subject.
    public func problems() -> [TLSConfigurationError] {
        var found: [TLSConfigurationError] = []
        var chain: CertificateList?
        do throws(TLSConfigurationError) { chain = try certificates() } catch {
            found.append(error)
        }
        do throws(TLSConfigurationError) {
            let key = unsafe try privateKey()
            defer { unsafe EVP_PKEY_free(key) }
            if let chain { unsafe try check(key, fits: chain) }
        } catch {
            found.append(error)
        }
        return found
    }
}

extension ServerTLSOptions {
    /// The same without the bytes of its files, keys and passphrases among them: to be kept.
    var withoutContents: ServerTLSOptions {
        var options = self
        for host in options.virtualHosts.indices {
            for index in options.virtualHosts[host].certificates.indices {
                options.virtualHosts[host].certificates[index].contents = [:]
            }
            options.virtualHosts[host].trust = options.virtualHosts[host].trust?.withoutContents
        }
        return options
    }
}

extension ClientTLSOptions {
    /// The same without the bytes of its files, key and passphrase among them: to be kept.
    var withoutContents: ClientTLSOptions {
        var options = self
        options.certificate?.contents = [:]
        options.trust = options.trust?.withoutContents
        return options
    }
}

extension TrustStoreOptions {
    /// What is wrong with the store; nil when it can be used.
    public func problem() -> TLSConfigurationError? {
        do throws(TLSConfigurationError) {
            _ = try TrustContext(self, role: .clients)
            return nil
        } catch {
            return error
        }
    }
}

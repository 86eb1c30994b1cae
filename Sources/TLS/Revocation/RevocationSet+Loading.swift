extension RevocationSet {
    /// Reads what `options` name: slow, so never on a loop.
    ///
    /// What an earlier set knew is not forgotten: a source that is broken, missing, wrongly signed
    /// or older than before leaves its part of `previous` in force and is reported in `problems`,
    /// while the other sources take effect. Where `previous` has no such part, as at the start, it
    /// is thrown; so is a contradiction in `options`.
    ///
    /// - Parameters:
    ///   - now: Seconds since 1970.
    ///   - previous: The set in force, if there is one.
    public static func load(
        _ options: RevocationOptions, generation: UInt64, now: Int64, previous: RevocationSet?
    ) throws(TLSConfigurationError) -> RevocationSet {
        var loader = RevocationLoader(now: now, previous: previous)
        try loader.readAuthorities(options.issuers)
        try loader.readLists()
        try loader.readDenyLists(options.denyListFiles)
        return RevocationSet(
            generation: generation, problems: loader.problems, issuers: loader.issuers,
            denyLists: loader.denyLists)
    }
}

/// One pass over the sources.
private struct RevocationLoader {
    let now: Int64
    let previous: RevocationSet?
    var problems: [TLSConfigurationError] = []
    var authorities: [RevocationAuthority] = []
    var issuers: [RevocationSet.Issuer] = []
    var denyLists: [DenyList] = []

    init(now: Int64, previous: RevocationSet?) {
        self.now = now
        self.previous = previous
    }

    mutating func readAuthorities(
        _ options: [RevocationIssuerOptions]
    ) throws(TLSConfigurationError) {
        for entry in options {
            do throws(TLSConfigurationError) {
                authorities.append(try RevocationAuthority(entry))
            } catch {
                let known = previous?.issuers.values.first { $0.name == entry.name }
                guard let known else { throw error }
                problems.append(error)
                keep(known.key, known.list, entry)
            }
        }
        var names: [Fingerprint: String] = [:]
        let keys = authorities.map { ($0.key, $0.options) }
        for (key, entry) in keys {
            if let other = names.updateValue(entry.name, forKey: key) {
                throw TLSConfigurationError(
                    entry.certificate, "is the issuer of '\(other)' as well as of '\(entry.name)'",
                    advice: "name each authority once, with all its lists")
            }
        }
    }

    mutating func readLists() throws(TLSConfigurationError) {
        for authority in authorities {
            let known = previous?.issuers[authority.key]?.list
            let list: RevocationList?
            do throws(TLSConfigurationError) {
                list = try newestList(of: authority, known: known)
            } catch {
                guard let known else { throw error }
                problems.append(error)
                list = known
            }
            keep(authority.key, list ?? known, authority.options)
        }
    }

    private mutating func keep(
        _ key: Fingerprint, _ list: RevocationList?, _ options: RevocationIssuerOptions
    ) {
        issuers.append(
            .init(name: options.name, key: key, whenStale: options.whenStale, list: list))
    }

    /// The newest list of `authority`; nil when there is none and need not be.
    private mutating func newestList(
        of authority: RevocationAuthority, known: RevocationList?
    ) throws(TLSConfigurationError) -> RevocationList? {
        var newest: (list: RevocationList, origin: String)?
        for path in authority.options.lists {
            guard let found = try SignedRevocationList.read(path) else {
                try missing(path, "does not exist", authority)
                continue
            }
            for signed in found where try speaks(for: authority, signed) {
                let list = try signed.compiled(now: now)
                if newest?.list.isOlder(than: list) ?? true { newest = (list, signed.origin) }
            }
        }
        guard let newest else {
            try missing(
                authority.options.lists.first ?? authority.options.certificate,
                "has no revocation list of issuer '\(authority.options.name)'", authority)
            return nil
        }
        if let known, newest.list.isOlder(than: known) {
            throw TLSConfigurationError(
                newest.origin,
                "the revocation list of issuer '\(authority.options.name)' is older than the one "
                    + "in force (number \(newest.list.numberText), not \(known.numberText))",
                advice: "fetch its issuer's latest list")
        }
        return newest.list
    }

    private mutating func missing(
        _ path: String, _ reason: String, _ authority: RevocationAuthority
    ) throws(TLSConfigurationError) {
        let problem = TLSConfigurationError(
            path, reason, advice: "put the issuer's list there, or let whenStale be open")
        guard authority.options.whenStale == .open else { throw problem }
        problems.append(problem)
    }

    /// Whether `list` is that of `authority`. Others' lists may stand in the same place, but not
    /// one with its name and a key that nobody here has.
    private func speaks(
        for authority: RevocationAuthority, _ list: SignedRevocationList
    ) throws(TLSConfigurationError) -> Bool {
        guard authority.isNamed(by: list) else { return false }
        if authority.signed(list) { return true }
        let isAnothers = authorities.contains { $0.isNamed(by: list) && $0.signed(list) }
        guard isAnothers else {
            throw list.refusal(
                "bears the name of issuer '\(authority.options.name)', but not its signature")
        }
        return false
    }

    mutating func readDenyLists(_ paths: [String]) throws(TLSConfigurationError) {
        for path in paths {
            do throws(TLSConfigurationError) {
                denyLists.append(try DenyList(path: path))
            } catch {
                guard let known = previous?.denyLists.first(where: { $0.path == path }) else {
                    throw error
                }
                problems.append(error)
                denyLists.append(known)
            }
        }
    }
}

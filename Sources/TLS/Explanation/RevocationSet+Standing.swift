extension RevocationSet {
    /// What each source says of one certificate of a chain, in words.
    func standing(of member: ChainMember, wallSeconds: Int64) -> [String] {
        var lines = denyLists.map { list in
            "\(list.path): \(list.contains(member) ? "named" : "not named")"
        }
        guard let key = member.issuerKey else {
            return lines + ["is the anchor, which no revocation list names"]
        }
        guard let issuer = issuers[key] else { return lines + ["its issuer needs no list"] }
        guard let list = issuer.list else { return lines + ["issuer '\(issuer.name)' has no list"] }
        let isFresh = issuer.isFresh(wallSeconds: wallSeconds)
        let reason = list.serials.reason(of: member.serialNumber)
        lines.append(
            "issuer '\(issuer.name)', list \(list.numberText): "
                + (reason.map { "revoked (\($0))" } ?? "not revoked") + ", "
                + (wallSeconds <= list.nextUpdate
                    ? "fresh" : "overdue, \(isFresh ? "still relied on" : "not relied on")"))
        return lines
    }
}

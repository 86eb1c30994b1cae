public import TLS

extension DistinguishedName {
    /// Every attribute, in the certificate's order.
    public var attributes: [Attribute] { relativeNames.flatMap { $0 } }

    /// The attributes of a type, in the certificate's order.
    ///
    /// - Parameter type: OpenSSL's short name in any case (`CN`, `emailAddress`), or dotted.
    public func attributes(_ type: String) -> [Attribute] {
        let type = type.lowercased()
        return attributes.filter { $0.oid == type || $0.shortName?.lowercased() == type }
    }

    /// The `index`th attribute of a type, from 0; from the end where negative, -1 being the last.
    public func attribute(_ type: String, at index: Int = 0) -> Attribute? {
        let found = attributes(type)
        let position = index < 0 ? found.count + index : index
        return found.indices.contains(position) ? found[position] : nil
    }
}

import COpenSSL
import Foundation
import Testing

@testable import TLS

/// A key of any kind that OpenSSL knows, also of those that no peer should have.
@safe
final class ForgedKey {
    // Invariant: an `EVP_PKEY` that this object owns.
    let pointer: OpaquePointer

    private init(owning pointer: OpaquePointer?) throws {
        unsafe self.pointer = try #require(unsafe pointer)
    }

    deinit { unsafe EVP_PKEY_free(pointer) }

    /// Whether it signs without being told a digest.
    var hasOwnDigest: Bool {
        unsafe EVP_PKEY_is_a(pointer, "ED25519") == 1 || EVP_PKEY_is_a(pointer, "ED448") == 1
    }

    static func curve(_ name: String) throws -> ForgedKey {
        try unsafe ForgedKey(owning: COpenSSL_generateEC(name))
    }

    static func rsa(_ bits: Int) throws -> ForgedKey {
        try unsafe ForgedKey(owning: COpenSSL_generateRSA(bits))
    }

    /// `ED25519`, `ED448`, `X25519`, or `RSA-PSS` with 2,048 bits.
    static func named(_ name: String) throws -> ForgedKey {
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, name, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        #expect(unsafe EVP_PKEY_keygen_init(context) == 1)
        if name == "RSA-PSS" {
            #expect(unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2_048) == 1)
        }
        var key: OpaquePointer?
        #expect(unsafe EVP_PKEY_generate(context, &key) == 1)
        return try unsafe ForgedKey(owning: key)
    }

    /// DSA of 1,024 bits, which security level 1 still allows.
    static func dsa() throws -> ForgedKey {
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "DSA", nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var parameters: OpaquePointer?
        #expect(unsafe EVP_PKEY_paramgen_init(context) == 1)
        #expect(unsafe EVP_PKEY_CTX_set_dsa_paramgen_bits(context, 1_024) == 1)
        #expect(unsafe EVP_PKEY_generate(context, &parameters) == 1)
        defer { unsafe EVP_PKEY_free(parameters) }
        let generation = unsafe EVP_PKEY_CTX_new_from_pkey(nil, parameters, nil)
        defer { unsafe EVP_PKEY_CTX_free(generation) }
        var key: OpaquePointer?
        #expect(unsafe EVP_PKEY_keygen_init(generation) == 1)
        #expect(unsafe EVP_PKEY_generate(generation, &key) == 1)
        return try unsafe ForgedKey(owning: key)
    }

    /// An RSA public key whose modulus is noise: no private key exists.
    static func noise(bits: Int) throws -> ForgedKey {
        var modulus = (0..<bits / 8).map { _ in UInt8.random(in: 0...255) }
        modulus[0] |= 1
        modulus[modulus.count - 1] |= 0x80
        return try build("RSA", [("n", 2, modulus), ("e", 2, [1, 0, 1])], selection: 0x86)
    }

    /// What a thief has: the P-256 public key of `victim`, and a private key of somebody else.
    /// Nothing but a signature shows that they do not belong together.
    static func stolen(from victim: ForgedKey) throws -> ForgedKey {
        let own = try curve("P-256")
        var point = [UInt8](repeating: 0, count: 200)
        var count = 0
        #expect(
            unsafe EVP_PKEY_get_octet_string_param(
                victim.pointer, "pub", &point, point.count, &count) == 1)
        var scalar: OpaquePointer?
        #expect(unsafe EVP_PKEY_get_bn_param(own.pointer, "priv", &scalar) == 1)
        defer { unsafe BN_free(scalar) }
        var bytes = [UInt8](repeating: 0, count: 32)
        #expect(unsafe BN_bn2lebinpad(scalar, &bytes, 32) == 32)
        return try build(
            "EC",
            [
                ("group", 4, Array("prime256v1".utf8)), ("pub", 5, Array(point.prefix(count))),
                ("priv", 2, bytes),
            ], selection: 0x87)
    }

    /// A key of parameters: 2 is a number, the lowest byte first, 4 a text, 5 bytes.
    private static func build(
        _ algorithm: String, _ parts: [(name: StaticString, type: UInt32, bytes: [UInt8])],
        selection: Int32
    ) throws -> ForgedKey {
        var parameters = unsafe parts.map { part in
            // OpenSSL wants a zero behind a text, whatever size it is told.
            let memory = UnsafeMutableRawBufferPointer.allocate(
                byteCount: part.bytes.count + 1, alignment: 8)
            unsafe memory.copyBytes(from: part.bytes + [0])
            return unsafe OSSL_PARAM(
                key: UnsafeRawPointer(part.name.utf8Start).assumingMemoryBound(to: CChar.self),
                data_type: part.type, data: memory.baseAddress,
                data_size: part.bytes.count, return_size: 0)
        }
        unsafe parameters.append(OSSL_PARAM())
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, algorithm, nil)
        defer {
            unsafe parameters.forEach { unsafe $0.data?.deallocate() }
            unsafe EVP_PKEY_CTX_free(context)
        }
        var key: OpaquePointer?
        #expect(unsafe EVP_PKEY_fromdata_init(context) == 1)
        #expect(unsafe EVP_PKEY_fromdata(context, &key, selection, &parameters) == 1)
        return try unsafe ForgedKey(owning: key)
    }
}

/// A certificate put together part by part, so that any part may be wrong.
struct Forgery {
    var subject: String
    var key: ForgedKey
    /// Who signs; nil is its own key.
    var issuer: ForgedCertificate?
    /// The issuer's name, where it is not that of who signs.
    var issuerName: String?
    var notBefore: Int64
    var notAfter: Int64
    var version = 3
    /// Ed25519 and Ed448 have their own.
    var digest = "SHA256"
    /// In OpenSSL's syntax.
    var extensions: [Int32: String] = [:]
    /// Extensions by OID, with their content.
    var rawExtensions: [(oid: String, isCritical: Bool, content: [UInt8])] = []
    /// What stands for `notAfter`, as it is.
    var notAfterText: (type: Int32, text: String)?
    var hasNegativeSerial = false
    var hasSpoiltSignature = false
    /// The subject's value, any bytes.
    var subjectBytes: [UInt8]?

    func make() throws -> ForgedCertificate {
        let certificate = unsafe try #require(unsafe X509_new())
        let signer = issuer?.key ?? key
        #expect(unsafe X509_set_version(certificate, version - 1) == 1)
        #expect(
            unsafe ASN1_INTEGER_set_int64(
                X509_get_serialNumber(certificate),
                Int64.random(in: 1...Int64.max) * (hasNegativeSerial ? -1 : 1)) == 1)
        unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), 0)
        _ = unsafe ASN1_TIME_set(X509_getm_notBefore(certificate), Int(notBefore))
        _ = unsafe ASN1_TIME_set(X509_getm_notAfter(certificate), Int(notAfter))
        if let notAfterText {
            let time = unsafe X509_getm_notAfter(certificate)
            unsafe time?.pointee.type = notAfterText.type
            #expect(
                unsafe ASN1_STRING_set(
                    time, notAfterText.text, Int32(notAfterText.text.utf8.count)) == 1)
        }
        let name = subjectBytes ?? Array(subject.utf8)
        unsafe setName(X509_get_subject_name(certificate), name)
        let issuerName = issuerName ?? issuer?.subject ?? subject
        unsafe setName(X509_get_issuer_name(certificate), Array(issuerName.utf8))
        #expect(unsafe X509_set_pubkey(certificate, key.pointer) == 1)
        let reference = unsafe issuer?.pointer ?? certificate
        for (nid, text) in extensions.sorted(by: { $0.key < $1.key }) {
            #expect(
                unsafe COpenSSL_addExtension(certificate, reference, nid, text) == 1,
                "\(nid) \(text)")
        }
        for raw in rawExtensions { try unsafe add(raw, to: certificate) }
        let algorithm = unsafe signer.hasOwnDigest ? nil : EVP_get_digestbyname(digest)
        let size = unsafe X509_sign(certificate, signer.pointer, algorithm)
        try #require(size > 0, "\(subject): \(ErrorQueue.drainedText())")
        if hasSpoiltSignature { unsafe spoil(certificate) }
        return try unsafe ForgedCertificate(owning: certificate, subject, key, issuer)
    }

    private func setName(_ name: OpaquePointer?, _ value: [UInt8]) {
        #expect(
            unsafe X509_NAME_add_entry_by_txt(
                name, "CN", V_ASN1_UTF8STRING, value, Int32(value.count), -1, 0) == 1)
    }

    private func add(
        _ raw: (oid: String, isCritical: Bool, content: [UInt8]), to certificate: OpaquePointer
    ) throws {
        let object = unsafe OBJ_txt2obj(raw.oid, 0)
        let content = unsafe ASN1_OCTET_STRING_new()
        defer {
            unsafe ASN1_OBJECT_free(object)
            unsafe ASN1_OCTET_STRING_free(content)
        }
        #expect(unsafe ASN1_OCTET_STRING_set(content, raw.content, Int32(raw.content.count)) == 1)
        let item = unsafe X509_EXTENSION_create_by_OBJ(nil, object, raw.isCritical ? 1 : 0, content)
        defer { unsafe X509_EXTENSION_free(item) }
        #expect(unsafe X509_add_ext(certificate, item, -1) == 1)
    }

    private func spoil(_ certificate: OpaquePointer) {
        var signature: UnsafePointer<ASN1_BIT_STRING>?
        unsafe X509_get0_signature(&signature, nil, certificate)
        guard let signature = unsafe signature, unsafe signature.pointee.length > 0 else { return }
        unsafe signature.pointee.data[Int(signature.pointee.length) - 1] ^= 1
    }
}

/// A certificate that was put together, and its key.
@safe
final class ForgedCertificate {
    // Invariant: an `X509` that this object owns, parsed from its encoding.
    let pointer: OpaquePointer
    let subject: String
    let key: ForgedKey
    let issuer: ForgedCertificate?
    let der: [UInt8]

    /// Takes over `certificate`; what is kept is parsed anew.
    init(
        owning certificate: OpaquePointer, _ subject: String, _ key: ForgedKey,
        _ issuer: ForgedCertificate?
    ) throws {
        defer { unsafe X509_free(certificate) }
        var der = [UInt8](repeating: 0, count: unsafe Int(i2d_X509(certificate, nil)))
        unsafe der.withUnsafeMutableBufferPointer { room in
            var cursor = room.baseAddress
            _ = unsafe i2d_X509(certificate, &cursor)
        }
        let parsed = unsafe der.withUnsafeBufferPointer { bytes in
            var cursor = bytes.baseAddress
            return unsafe d2i_X509(nil, &cursor, bytes.count)
        }
        unsafe pointer = try #require(unsafe parsed)
        self.subject = subject
        self.key = key
        self.issuer = issuer
        self.der = der
    }

    deinit { unsafe X509_free(pointer) }

    /// The same certificate with the other signature that ECDSA over P-256 allows: with n - s in
    /// the place of s. Anybody can make it.
    func twin() throws -> ForgedCertificate {
        let copy = unsafe try #require(unsafe X509_dup(pointer))
        var bits: UnsafePointer<ASN1_BIT_STRING>?
        unsafe X509_get0_signature(&bits, nil, copy)
        let target = unsafe UnsafeMutablePointer(mutating: try #require(unsafe bits))
        var cursor: UnsafePointer<UInt8>? = unsafe UnsafePointer(target.pointee.data)
        let signature = unsafe d2i_ECDSA_SIG(nil, &cursor, Int(target.pointee.length))
        defer { unsafe ECDSA_SIG_free(signature) }
        var order: OpaquePointer?
        defer { unsafe BN_free(order) }
        unsafe BN_hex2bn(
            &order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")
        let other = unsafe BN_new()
        #expect(unsafe BN_sub(other, order, ECDSA_SIG_get0_s(signature)) == 1)
        #expect(unsafe ECDSA_SIG_set0(signature, BN_dup(ECDSA_SIG_get0_r(signature)), other) == 1)
        var der = [UInt8](repeating: 0, count: unsafe Int(i2d_ECDSA_SIG(signature, nil)))
        unsafe der.withUnsafeMutableBufferPointer { room in
            var cursor = room.baseAddress
            _ = unsafe i2d_ECDSA_SIG(signature, &cursor)
        }
        #expect(unsafe ASN1_STRING_set(target, der, Int32(der.count)) == 1)
        return try unsafe ForgedCertificate(owning: copy, subject, key, issuer)
    }

    var pem: String {
        "-----BEGIN CERTIFICATE-----\n"
            + Data(der).base64EncodedString(options: [
                .lineLength64Characters, .endLineWithLineFeed,
            ]) + "\n-----END CERTIFICATE-----\n"
    }
}

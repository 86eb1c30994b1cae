internal import COpenSSL
internal import Core

/// Reads a ClientHello and moves the connection to the virtual host that it names.
enum ClientHello {
    /// Chooses the virtual host for `ssl`; returns the fatal alert when there is none.
    static func accept(
        _ ssl: OpaquePointer, _ server: ServerTLSContext
    ) -> Int32? {
        guard let record = unsafe HandshakeRecord.of(ssl) else { return SSL_AD_INTERNAL_ERROR }
        unsafe record.pointee.clientHellos += 1
        var name: [UInt8]?
        switch unsafe serverName(of: ssl) {
        case .none: break
        case .name(let parsed): name = parsed
        case .malformed:
            return unsafe refuse(record, "malformed server_name extension", SSL_AD_DECODE_ERROR)
        case .illegal:
            return unsafe refuse(record, "illegal server name", SSL_AD_ILLEGAL_PARAMETER)
        }
        if unsafe record.pointee.clientHellos > 1 {
            // S01: the second hello, after a HelloRetryRequest, must name the same host.
            guard unsafe record.pointee.serverName == name, unsafe record.pointee.virtualHost != nil
            else {
                return unsafe refuse(
                    record, "the server name changed between two ClientHellos",
                    SSL_AD_ILLEGAL_PARAMETER)
            }
            return nil
        }
        let chosen: Int
        switch server.table.choose(name) {
        case .host(let host): chosen = host
        case .refused(let error):
            unsafe record.pointee.refusal = error
            return SSL_AD_UNRECOGNIZED_NAME
        }
        unsafe record.pointee.serverName = name
        guard unsafe move(ssl, to: server.hosts[chosen], server) else {
            return SSL_AD_INTERNAL_ERROR
        }
        unsafe record.pointee.trust = server.hosts[chosen].trust
        unsafe record.pointee.virtualHost = chosen
        return nil
    }

    /// Gives `ssl` the policy of `host`. `SSL_set_SSL_CTX` carries the certificates only, so the
    /// rest is set on the connection itself (S03).
    private static func move(
        _ ssl: OpaquePointer, to host: ServerTLSContext.VirtualHost, _ server: ServerTLSContext
    ) -> Bool {
        let options = server.options
        guard unsafe SSL_set_SSL_CTX(ssl, host.context.pointer) != nil else { return false }
        unsafe SSL_set_verify(ssl, host.verifyMode, nil)
        unsafe SSL_set_options(ssl, COpenSSL_serverOptions())
        unsafe COpenSSL_SSL_set_max_cert_list(ssl, options.certificateListLimit)
        let context = host.binding.bytes
        // TLS 1.3's come with the first answer: `TLSEngine.write`.
        guard unsafe SSL_set_num_tickets(ssl, 0) == 1,
            unsafe SSL_set_max_early_data(ssl, 0) == 1,
            unsafe COpenSSL_SSL_set_min_proto_version(ssl, options.minimumVersion.rawValue) == 1,
            unsafe COpenSSL_SSL_set_max_proto_version(ssl, options.maximumVersion.rawValue) == 1,
            unsafe SSL_set_session_id_context(ssl, context, UInt32(context.count)) == 1
        else { return false }
        return unsafe host.trust?.apply(to: ssl) ?? true
    }

    private static func serverName(of ssl: OpaquePointer) -> ServerName.Parsed? {
        var body: UnsafePointer<UInt8>?
        var count = 0
        let present = unsafe SSL_client_hello_get0_ext(
            ssl, UInt32(TLSEXT_TYPE_server_name), &body, &count)
        guard present == 1 else { return nil }
        guard let body = unsafe body else { return .malformed }
        return unsafe ServerName.parse(ByteView(base: body, count: count))
    }

    private static func refuse(
        _ record: UnsafeMutablePointer<HandshakeRecord>, _ reason: String, _ alert: Int32
    ) -> Int32 {
        unsafe record.pointee.refusal = TLSError(.serverName, reason)
        return alert
    }
}

/// The C side of `ClientHello.accept`; the argument is the `ServerTLSContext`, unretained.
let chooseVirtualHost:
    @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) ->
        Int32 = { ssl, alert, argument in
            guard let ssl = unsafe ssl, let argument = unsafe argument
            else { return SSL_CLIENT_HELLO_ERROR }
            let server = unsafe Unmanaged<ServerTLSContext>.fromOpaque(argument)
                .takeUnretainedValue()
            guard let fatal = unsafe ClientHello.accept(ssl, server) else {
                return SSL_CLIENT_HELLO_SUCCESS
            }
            unsafe alert?.pointee = fatal
            return SSL_CLIENT_HELLO_ERROR
        }

import Core
import EventLoop
import Proxy

/// A client's connection as its worker sees it.
struct Client: ~Copyable {
    var session: Session
    let socket: SocketHandle
    var timer: TimerHandle?
    /// The upstream connection of the current exchange.
    var upstream: SlabHandle?
    /// What its handshake counts for.
    var source: UInt64
    /// Index of the listener that accepted it.
    let listener: Int
    var isHandshaking = true
    /// Whether bytes of its handshake are held until its turn.
    var isWaitingForStep = false
    /// Whether its turn has come.
    var mayStep = false
    /// Whether the bytes held were seen to be a whole ClientHello; stays so.
    var holdsClientHello = false
    var isClosing = false
}

/// A connection to an upstream as its worker sees it.
struct UpstreamConnection: ~Copyable {
    let socket: SocketHandle
    /// Index of the upstream it belongs to.
    let upstream: Int
    /// Its name in the upstream's pool.
    let poolID: UInt32
    /// The client or the question it works for; nil while it is idle or closing.
    var user: Owner?
    var isConnecting = true
    var isReused = false
    var isClosing = false
    /// Whether it only waits for the send of its last words to be closed.
    var isEnding = false
    /// Until when it waits for that.
    var endsAt = Instant.distantFuture
    /// Whether a reload changed by what rules such connections are made: it carries no other
    /// exchange.
    var isStale = false
    /// Whether its upstream speaks TLS; from then on there is a `tls`.
    var isSecure = false
    /// The server it is to.
    let address: SocketAddress
    /// What an unfinished send still refers to; given back when the socket is closed.
    var pinned = PinnedBuffers()
    var pinnedObject: AnyObject?
    /// Since the connection is open.
    var tls: SecureUpstream?

    /// Whether nothing but its exchange says whether it can carry another one.
    @inline(__always)
    var isOrdinary: Bool { !isStale && !isSecure }
}

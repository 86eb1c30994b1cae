import Authorization
import Core
import HTTP
import Telemetry
import Upstream

/// One request and its response.
///
/// HTTP/1 has one at a time on a connection; the session resets and reuses it.
struct Exchange {
    /// What is still to come of the request's body.
    enum RequestBody {
        case finished
        case length(remaining: UInt64)
        case chunked(ChunkedDecoder)
    }

    /// Where the response stands.
    enum Response {
        case awaitingHead
        case length(remaining: UInt64)
        case chunked(ChunkedDecoder)
        case untilClose
        case finished
    }

    /// The buffer with the client's head, the body bytes that came with it, and behind them the
    /// lines we generated for the upstream.
    var head: Buffer?
    /// Bytes of `head` that came from the client.
    var received = 0
    /// Bytes of `head` that belong to this request; the rest is the next request's.
    var consumed = 0
    var request = RequestHead()
    /// The rewritten head (and the body bytes by reference), ready for a gathering send.
    var outbound = SegmentList()
    var requestBody = RequestBody.finished
    /// The trailer section of a chunked body, while it arrives and some of it may be passed on.
    var trailers: Buffer?
    var response = Response.awaitingHead
    /// Bytes of a response head that came in pieces.
    var responseHead: Buffer?
    var responseScanned = 0

    /// Index into the virtual host's routes; nil before one is found.
    var route: Int?
    var upstream = 0
    /// Index into the virtual host's identity sets.
    var identitySet = 0
    var hasUpstream = false
    var isWaitingForUpstream = false
    /// Members whose connect failed, and the one that is being tried.
    var tried = TriedMembers()
    /// Whether a connection is being opened for it, which it does not share the wait for.
    var isConnecting = false
    /// What the last attempt to connect failed of.
    var connectFailure = RefusalReason.upstreamConnectFailed
    var isReusedConnection = false
    var attempts = 0
    var isHeadInFlight = false
    var isHeadSent = false
    /// The upstream takes no more bytes; what it has sent may still be read.
    var hasSendFailed = false
    /// Whether anything of the request's body left its first buffer, which rules out a retry.
    var hasStreamedBody = false
    var hasResponseStarted = false
    /// Whether the whole response reached the client's queue.
    var isLogged = false
    var closesDownstream = false
    var reusesUpstream = false
    var wantsWebSocket = false

    var status: UInt16 = 0
    var refusal: RefusalReason?
    var refusalDetail: StaticString = ""
    /// Whether the rules of the route were asked.
    var isJudged = false
    /// Proof that the request may be forwarded; there is no outbound head without it.
    var grant: Grant?
    /// Index of the external authorizer that the route has.
    var authorizer: Int?
    /// Where `head` has the table of its fields while an external authorizer is asked; empty when
    /// there was no room for it.
    var savedFields = ByteRange.empty
    /// Proof that it only needs that authorizer's word.
    var pendingGrant: PendingGrant?
    /// How often that authorizer had been purged before it was asked.
    var purges: UInt64 = 0
    /// What it waits for.
    var ticket: ExternalAuthorizer.Ticket?
    var decisionSource: ExternalDecision.Source?
    /// Lines that the authorizer wants added to the head.
    var addedLines: [UInt8] = []
    /// What the upstream's 101 has to say.
    var webSocketAccept: WebSocketAccept?
    /// When a tunnel has been silent for too long.
    var windowEnd = Instant.distantFuture
    /// When the rules of a tunnel's route are asked again.
    var judgedUntil = Instant.distantFuture
    var startedAt = Instant(nanoseconds: 0)
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    var requestNumber: UInt64 = 0
    /// Where `head` has the id that a trusted hop gave the request.
    var receivedID: ByteRange?
    /// Bytes of the present window that left, in either direction. What came in is not counted:
    /// it leaves in its turn, and would count twice.
    var progress: UInt64 = 0

    var isRequestFinished: Bool {
        if case .finished = requestBody { return true }
        return false
    }

    var isResponseFinished: Bool {
        if case .finished = response { return true }
        return false
    }
}

import Core
import EventLoop
import HTTP
import Proxy
import TLS
import Telemetry
import Upstream

// Whom a connection to an upstream works for: a client's exchange, or a question to an external
// authorizer. Each is told what happens in its own words.
extension Worker where Loop: ~Copyable {
    /// Whether `user` is still there.
    func isThere(_ user: Owner) -> Bool {
        user.kind == .question ? questions.contains(user.handle) : clients.contains(user.handle)
    }

    func triedMembers(of user: Owner) -> TriedMembers {
        user.kind == .question
            ? questions[user.handle].tried : clients[user.handle].session.triedMembers
    }

    /// `user` has `connection` now, or none.
    mutating func assign(_ connection: SlabHandle?, to user: Owner) {
        if user.kind == .question {
            questions[user.handle].connection = connection
        } else {
            clients[user.handle].upstream = connection
        }
    }

    /// A connection is being opened for `user`, to the member at that position.
    mutating func tellConnecting(_ user: Owner, member: Int) {
        if user.kind == .question {
            questions[user.handle].tried.insert(member)
        } else {
            clients[user.handle].session.upstreamConnecting(member: member)
        }
    }

    /// `user` has a connection that is ready; `isReused` when it carried another exchange.
    mutating func tellReady(_ user: Owner, isReused: Bool) {
        if user.kind == .question {
            questions[user.handle].exchange.ready(isReused: isReused)
            sendQuestion(user.handle)
        } else {
            clients[user.handle].session.upstreamReady(isReused: isReused, &turn)
        }
    }

    /// A connection for `user` could not be opened: it may try another member.
    mutating func tellConnectFailed(_ user: Owner, by fault: ServerFault?) {
        if user.kind == .question {
            acquire(upstream: questions[user.handle].upstream, for: user, fresh: false)
        } else {
            clients[user.handle].session.upstreamConnectFailed(by: fault, &turn)
        }
    }

    /// Nothing is left to be tried for `user`.
    mutating func tellExhausted(_ user: Owner) {
        if user.kind == .question {
            failLater(user.handle, .noConnection)
        } else {
            clients[user.handle].session.upstreamConnectsExhausted(&turn)
        }
    }

    /// No connection can be had for `user`.
    mutating func tellUnavailable(_ user: Owner, _ reason: RefusalReason) {
        if user.kind == .question {
            failLater(user.handle, .noConnection)
        } else {
            clients[user.handle].session.upstreamUnavailable(reason, &turn)
        }
    }

    /// Bytes came for `user`.
    ///
    /// - Returns: how many were taken.
    mutating func tellReceived(_ user: Owner, _ bytes: ByteView) -> Int {
        guard user.kind == .question else {
            return clients[user.handle].session.upstreamReceived(bytes, &turn)
        }
        turn.environment.metrics.add(.upstreamBytesReceived, UInt64(bytes.count))
        let step = questions[user.handle].exchange.received(
            bytes, for: questions[user.handle].authorizer, limits: turn.environment.limits.head,
            &turn.fields)
        note(step, of: user.handle)
        return bytes.count
    }

    /// The server has ended its side for `user` (`code` 0), or its connection failed.
    mutating func tellEnded(_ user: Owner, code: Int32) {
        if user.kind == .question {
            note(questions[user.handle].exchange.ended(isClean: code == 0), of: user.handle)
        } else {
            clients[user.handle].session.upstreamEnded(code: code, &turn)
        }
    }

    /// The TLS of the connection of `user` failed.
    mutating func tellBroke(_ user: Owner, _ fault: ServerFault) {
        if user.kind == .question {
            note(questions[user.handle].exchange.ended(), of: user.handle)
        } else {
            clients[user.handle].session.upstreamBroke(fault, &turn)
        }
    }

    /// A send of `user` is done: `code` is its size, or `-errno`.
    mutating func tellSent(_ user: Owner, code: Int32) {
        if user.kind == .question {
            note(questions[user.handle].exchange.sent(code: code), of: user.handle)
        } else {
            clients[user.handle].session.upstreamSent(code: code, &turn)
        }
    }

    /// Does what `user` wants done after what it was told.
    mutating func perform(for user: Owner) {
        if user.kind == .question {
            performStep(of: user.handle)
        } else {
            perform(for: user.handle)
        }
    }
}

import Authorization
import Core
import EventLoop
import Proxy
import TLS
import Telemetry
import Upstream

/// A question to an external authorizer as its worker sees it.
struct Question: ~Copyable {
    let authorizer: ExternalAuthorizer
    let ticket: ExternalAuthorizer.Ticket
    var exchange: AuthorizerExchange
    let began: Instant
    /// Fires at the deadline, or at once when it has failed.
    var timer: TimerHandle
    /// The connection that it has, or that is being opened for it.
    var connection: SlabHandle?
    var tried = TriedMembers()
    /// What its exchange wants done, until that is.
    var step = AuthorizerExchange.Step.goesOn
    /// Why it is over, if its timer fires for that.
    var failure = AuthorizerExchange.Failure.timeout

    /// Index of the upstream that has the service.
    var upstream: Int { authorizer.options.upstream }
}

// Questions to external authorizers: each is one exchange on a connection of the upstream's pool,
// and outlives the client that was the first to ask, since others may wait for the answer.
extension Worker where Loop: ~Copyable {
    /// Questions under way at once, of all authorizers.
    static var questionLimit: Int { Limits.questions }

    /// Finds out what the external authorizer says of the request of `client`.
    mutating func authorize(_ client: SlabHandle) {
        let waiter = Owner(.client, client).rawValue
        guard let asked = clients[client].session.findDecision(waiter: waiter, &turn) else {
            return
        }
        let authorizer = asked.authorizer
        guard let handle = questions.nextHandle else {
            // Nobody else waits for it yet.
            let failure = AuthorizerExchange.Failure.unavailable.detail
            let (_, answer) = authorizer.failed(asked.ticket, failure, now: turn.now)
            giveBack(asked.bytes)
            clients[client].session.decided(by: answer, &turn)
            return
        }
        turn.environment.metrics.increment(
            .questions, authorizer: authorizer.options.counters)
        let now = turn.now.monotonic
        let user = Owner(.question, handle)
        _ = questions.insert(
            Question(
                authorizer: authorizer, ticket: asked.ticket,
                exchange: AuthorizerExchange(question: asked.bytes, isHead: asked.isHead),
                began: now,
                timer: timers.schedule(
                    owner: user.rawValue, at: now + authorizer.options.timeout)))
        acquire(upstream: authorizer.options.upstream, for: user, fresh: false)
    }

    /// The request of `client` needs no decision any more. The question goes on.
    mutating func cancelAuthorization(for client: SlabHandle) {
        guard let (authorizer, ticket) = clients[client].session.takeTicket() else { return }
        authorizer.withdraw(Owner(.client, client).rawValue, from: ticket)
    }

    mutating func sendQuestion(_ handle: SlabHandle) {
        guard let connection = questions[handle].connection else { return }
        let bytes = questions[handle].exchange.question.view
        turn.environment.metrics.increment(.requests, upstream: questions[handle].upstream)
        guard connections[connection].isSecure else {
            loop.send(connections[connection].socket, bytes)
            return
        }
        var segments = SegmentList()
        segments.append(bytes)
        encrypt(connection, segments, for: Owner(.question, handle))
    }

    /// Keeps what is to be done, until `performStep`. What has ended stays so.
    mutating func note(_ step: AuthorizerExchange.Step, of handle: SlabHandle) {
        if case .goesOn = questions[handle].step { questions[handle].step = step }
    }

    mutating func performStep(of handle: SlabHandle) {
        guard questions.contains(handle) else { return }
        let step = questions[handle].step
        questions[handle].step = .goesOn
        switch step {
        case .goesOn: break
        case .retry:
            turn.environment.metrics.increment(.upstreamRetries)
            guard moveQuestion(of: handle) else {
                fail(handle, .unavailable)
                break
            }
            letGo(handle, reusable: false, healthy: true)
            acquire(
                upstream: questions[handle].upstream, for: Owner(.question, handle), fresh: true)
        case .answered(let reply, let isReusable):
            letGo(handle, reusable: isReusable, healthy: true)
            let question = finish(handle)
            let (waiters, answer) = question.authorizer.answered(
                question.ticket, reply, now: turn.now)
            if let notice = question.authorizer.takeNotice() { notices.post(notice) }
            if signing.takeRefusal() { credentials.refused() }
            tell(waiters, answer)
        case .failed(let failure): fail(handle, failure)
        }
    }

    /// Fails the question in the next turn: now the actions of a client may be under way.
    mutating func failLater(_ handle: SlabHandle, _ failure: AuthorizerExchange.Failure) {
        questions[handle].failure = failure
        _ = timers.cancel(questions[handle].timer)
        questions[handle].timer = timers.schedule(
            owner: Owner(.question, handle).rawValue, at: turn.now.monotonic)
    }

    /// The timer of a question has fired: it has failed, or takes too long.
    mutating func questionExpired(_ handle: SlabHandle) {
        guard questions.contains(handle) else { return }
        fail(handle, questions[handle].failure)
    }

    private mutating func fail(_ handle: SlabHandle, _ failure: AuthorizerExchange.Failure) {
        let user = Owner(.question, handle)
        if let connection = questions[handle].connection, connections[connection].isConnecting {
            cancelConnecting(connection, for: user, timedOut: true)
        } else if questions[handle].connection != nil {
            turn.environment.metrics.increment(.failures, upstream: questions[handle].upstream)
            letGo(handle, reusable: false, healthy: false)
        } else {
            pools[poolHandle(questions[handle].upstream)].cancel(waiter: user.rawValue)
        }
        let question = finish(handle)
        let (waiters, answer) = question.authorizer.failed(
            question.ticket, failure.detail, now: turn.now)
        tell(waiters, answer)
    }

    private mutating func letGo(_ handle: SlabHandle, reusable: Bool, healthy: Bool) {
        guard let connection = questions[handle].connection else { return }
        questions[handle].connection = nil
        if questions[handle].exchange.isSending {
            // The connection carries no other exchange. It keeps the bytes until it is closed.
            switch questions[handle].exchange.question {
            case .gone: break
            case .own(let bytes): connections[connection].pinnedObject = bytes
            case .pooled(let buffer):
                connections[connection].pinned.question = buffer
                questions[handle].exchange.move(to: .gone)
            }
        }
        free(connection, reusable: reusable, healthy: healthy)
    }

    /// Copies a question that is asked once more, if the first send may still refer to its bytes.
    ///
    /// - Returns: whether there was room for that.
    private mutating func moveQuestion(of handle: SlabHandle) -> Bool {
        guard questions[handle].exchange.isSending,
            let connection = questions[handle].connection,
            case .pooled(let buffer) = questions[handle].exchange.question
        else { return true }
        guard var copy = turn.environment.questions.take() else { return false }
        copy.append(buffer.filled)
        connections[connection].pinned.question = buffer
        questions[handle].exchange.move(to: .pooled(copy))
        return true
    }

    private mutating func giveBack(_ bytes: QuestionBytes) {
        if case .pooled(let buffer) = bytes { turn.environment.questions.give(buffer) }
    }

    private mutating func finish(_ handle: SlabHandle) -> Question {
        let question = questions.remove(handle)
        giveBack(question.exchange.question)
        _ = timers.cancel(question.timer)
        let duration = turn.now.monotonic.since(question.began)
        turn.environment.metrics.increment(
            .questionTime, authorizer: question.authorizer.options.counters,
            by: duration.count / 1_000)
        return question
    }

    private mutating func tell(_ waiters: Waiters, _ answer: ExternalAnswer) {
        for index in 0..<waiters.count {
            let client = Owner(rawValue: waiters[index]).handle
            guard clients.contains(client), !clients[client].isClosing else { continue }
            clients[client].session.decided(by: answer, &turn)
            perform(for: client)
        }
    }
}

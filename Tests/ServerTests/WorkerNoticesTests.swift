import Testing

@testable import Server

@Suite struct WorkerNoticesTests {
    @Test("what finds no room is counted, once") func bounded() {
        let notices = WorkerNotices()
        for number in 0..<WorkerNotices.limit + 3 { notices.post("\(number)") }
        let taken = notices.take()
        #expect(taken.count == WorkerNotices.limit + 1 && taken.first == "0")
        #expect(taken.last == "3 warnings found no room")
        notices.post("later")
        #expect(notices.take() == ["later"] && notices.take().isEmpty)
    }
}

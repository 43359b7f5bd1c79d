//! Which line of a batch is asked next. Takes the time and says what to do: it knows neither lines nor answers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Lines of one batch by number, each with or without an answer.
#[derive(Debug)]
pub(super) struct Queue {
    answered: Vec<bool>,
    /// The first that was never handed out.
    next: usize,
    /// Tried, and to be tried again at that time.
    again: BinaryHeap<Reverse<(u64, usize, u32)>>,
    /// Not in memory, waiting for the hours in which providers are called.
    waiting: VecDeque<usize>,
    out: usize,
    pub(super) completed: usize,
    pub(super) failed: usize,
}

/// A line to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) line: usize,
    /// Calls that were made for it before.
    pub(super) tries: u32,
    /// Whether memory alone may answer it.
    pub(super) only: bool,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Ask(Turn),
    /// Nothing before that time, in Unix milliseconds, unless a line comes back.
    Wait(u64),
    /// Every line is answered.
    Over,
}

impl Queue {
    /// All lines, of which some were answered before.
    pub(super) fn new(answered: Vec<bool>, completed: usize, failed: usize) -> Self {
        Self {
            answered,
            next: 0,
            again: BinaryHeap::new(),
            waiting: VecDeque::new(),
            out: 0,
            completed,
            failed,
        }
    }

    pub(super) fn lines(&self) -> usize {
        self.answered.len()
    }

    pub(super) fn unanswered(&self) -> usize {
        self.answered.len() - self.completed - self.failed
    }

    /// Whether any line is being asked.
    pub(super) fn is_busy(&self) -> bool {
        self.out > 0
    }

    /// What is next. `open_ms` is when providers may be called: now, or later.
    pub(super) fn step(&mut self, now_ms: u64, open_ms: u64) -> Step {
        let open = open_ms <= now_ms;
        let taken = open.then(|| self.retried(now_ms)).flatten();
        let turn = match taken {
            Some(turn) => Some(turn),
            None => self.untried(!open),
        };
        if let Some(turn) = turn {
            self.out += 1;
            return Step::Ask(turn);
        }
        if self.out > 0 {
            return Step::Wait(u64::MAX);
        }
        match self.again.peek() {
            Some(Reverse((due, ..))) => Step::Wait((*due).max(open_ms)),
            None if self.waiting.is_empty() => Step::Over,
            None => Step::Wait(open_ms),
        }
    }

    /// A line that was tried before and may be tried again.
    fn retried(&mut self, now_ms: u64) -> Option<Turn> {
        if let Some(line) = self.waiting.pop_front() {
            return Some(Turn {
                line,
                tries: 0,
                only: false,
            });
        }
        let Reverse((due, ..)) = self.again.peek()?;
        if *due > now_ms {
            return None;
        }
        let Reverse((_, line, tries)) = self.again.pop()?;
        Some(Turn {
            line,
            tries,
            only: false,
        })
    }

    fn untried(&mut self, only: bool) -> Option<Turn> {
        while *self.answered.get(self.next)? {
            self.next += 1;
        }
        let line = self.next;
        self.next += 1;
        Some(Turn {
            line,
            tries: 0,
            only,
        })
    }

    /// A line is answered, well or not.
    pub(super) fn answered(&mut self, line: usize, well: bool) {
        self.out -= 1;
        self.answered[line] = true;
        match well {
            true => self.completed += 1,
            false => self.failed += 1,
        }
    }

    /// A line comes back to be tried again.
    pub(super) fn again(&mut self, line: usize, tries: u32, due_ms: u64) {
        self.out -= 1;
        self.again.push(Reverse((due_ms, line, tries)));
    }

    /// A line that memory does not answer waits for the hours of calls.
    pub(super) fn wait(&mut self, line: usize) {
        self.out -= 1;
        self.waiting.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(line: usize, tries: u32, only: bool) -> Step {
        Step::Ask(Turn { line, tries, only })
    }

    #[test]
    fn each_line_without_an_answer_is_handed_out_once() {
        let mut queue = Queue::new(vec![false, true, false], 1, 0);
        assert_eq!(queue.step(5, 0), turn(0, 0, false));
        assert_eq!(queue.step(5, 0), turn(2, 0, false));
        assert_eq!(queue.step(5, 0), Step::Wait(u64::MAX));
        queue.answered(2, false);
        queue.answered(0, true);
        assert_eq!(queue.step(5, 0), Step::Over);
        assert_eq!(
            (queue.completed, queue.failed, queue.unanswered()),
            (2, 1, 0)
        );
    }

    #[test]
    fn a_line_comes_again_when_its_time_has_come_and_not_before() {
        let mut queue = Queue::new(vec![false; 2], 0, 0);
        queue.step(0, 0);
        queue.again(0, 1, 100);
        assert_eq!(queue.step(99, 0), turn(1, 0, false));
        queue.answered(1, true);
        assert_eq!(queue.step(99, 0), Step::Wait(100));
        assert_eq!(queue.step(100, 0), turn(0, 1, false));
        assert!(queue.is_busy());
    }

    #[test]
    fn outside_its_hours_each_line_asks_memory_once_and_then_waits_for_them() {
        let mut queue = Queue::new(vec![false; 2], 0, 0);
        assert_eq!(queue.step(0, 50), turn(0, 0, true));
        queue.wait(0);
        assert_eq!(queue.step(1, 50), turn(1, 0, true));
        queue.answered(1, true);
        assert_eq!(queue.step(2, 50), Step::Wait(50));
        assert_eq!(queue.step(50, 50), turn(0, 0, false));
        queue.again(0, 1, 60);
        assert_eq!(queue.step(61, 500), Step::Wait(500));
    }
}

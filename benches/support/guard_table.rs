//! Says what each guard catches and costs on files of labelled pairs, JSON lines `{"a","b","label","tag"}` given as
//! arguments: label 0 are two questions that must not share an answer, label 1 two that may. `--least N` leaves out rows
//! whose "cosine" is lower. A guard that costs more than it catches on real questions is off by default.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use reprise::cache::verdict::guards::{GUARDS, Pair, Reading, examine};

/// Rows of one kind, and how many of them were vetoed.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    rows: usize,
    vetoed: usize,
    alone: usize,
}

/// What is known of one guard, or of all together, on one tag: for label 0 and for label 1.
type Row = [Count; 2];

#[derive(Debug, Default)]
struct Table {
    /// By file, tag and guard; all guards that are on by default are the guard after the last.
    rows: BTreeMap<(String, String, usize), Row>,
    times: Vec<Duration>,
}

impl Table {
    fn add(&mut self, file: &str, pair: &serde_json::Value) -> Option<()> {
        let (a, b) = (pair["a"].as_str()?, pair["b"].as_str()?);
        let label = usize::try_from(pair["label"].as_u64()?)
            .ok()
            .filter(|label| *label < 2)?;
        let tag = pair["tag"].as_str().unwrap_or("");
        let started = Instant::now();
        let (a, b) = (Reading::of(a), Reading::of(b));
        let found = examine(&Pair::of(&a, &b));
        self.times.push(started.elapsed());
        let vetoed = found.map(|finding| finding.is_different());
        let on = |i: &usize| vetoed[*i] && GUARDS[*i].by_default;
        let together = (0..GUARDS.len()).filter(on).count();
        for guard in 0..=GUARDS.len() {
            let veto = vetoed.get(guard).copied().unwrap_or(together > 0);
            let others = together - usize::from(guard < GUARDS.len() && on(&guard));
            let key = (file.to_owned(), tag.to_owned(), guard);
            let count = &mut self.rows.entry(key).or_default()[label];
            count.rows += 1;
            count.vetoed += usize::from(veto);
            count.alone += usize::from(veto && others == 0);
        }
        Some(())
    }

    fn print(&mut self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "file\ttag\tguard\trows_0\tcatches\talone\trows_1\tcosts\talone"
        )?;
        let mut files: BTreeMap<(String, usize), Row> = BTreeMap::new();
        for ((file, tag, guard), row) in &self.rows {
            let sum = files.entry((file.clone(), *guard)).or_default();
            for (sum, count) in sum.iter_mut().zip(row) {
                sum.rows += count.rows;
                sum.vetoed += count.vetoed;
                sum.alone += count.alone;
            }
            line(out, file, tag, *guard, row)?;
        }
        for ((file, guard), row) in &files {
            line(out, file, "(all)", *guard, row)?;
        }
        self.times.sort_unstable();
        let at = |share: usize| {
            let last = self.times.len().saturating_sub(1);
            let time = self.times.get(last * share / 100).copied();
            time.unwrap_or_default().as_secs_f64() * 1e6
        };
        writeln!(
            out,
            "microseconds per pair, both texts read: p50 {:.1} p99 {:.1} of {} pairs",
            at(50),
            at(99),
            self.times.len()
        )
    }
}

fn line(out: &mut impl Write, file: &str, tag: &str, guard: usize, row: &Row) -> io::Result<()> {
    let name = GUARDS
        .get(guard)
        .map_or("(on by default)", |guard| guard.name);
    if guard < GUARDS.len() && row.iter().all(|count| count.vetoed == 0) {
        return Ok(());
    }
    let [different, same] = row;
    write!(out, "{file}\t{tag}\t{name}")?;
    for count in [different, same] {
        write!(out, "\t{}\t{}\t{}", count.rows, count.vetoed, count.alone)?;
    }
    writeln!(out)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut table = Table::default();
    let mut least = f64::NEG_INFINITY;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--least" {
            least = arguments.next().ok_or("--least wants a number")?.parse()?;
            continue;
        }
        let name = Path::new(&argument).file_stem().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        for line in BufReader::new(File::open(&argument)?).lines() {
            let pair: serde_json::Value = serde_json::from_str(&line?)?;
            let near = pair["cosine"].as_f64().is_none_or(|cosine| cosine >= least);
            if near && table.add(&name, &pair).is_none() {
                return Err(format!("{argument}: a line is no labelled pair").into());
            }
        }
    }
    Ok(table.print(&mut io::stdout().lock())?)
}

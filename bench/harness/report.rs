//! Medians and spread of the runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::run::{Run, number};

/// Name of the contender with which the others are compared.
const JAVA: &str = "java";

/// The table: a row per workload and figure, with a column per contender: `median (least–most)`,
/// and Java's median divided by it.
pub(crate) fn table(runs: &[Run]) -> String {
    let mut contenders: Vec<&str> = Vec::new();
    let mut rows: Vec<&str> = Vec::new();
    for run in runs {
        if !contenders.contains(&run.contender) {
            contenders.push(run.contender);
        }
        if !rows.contains(&run.workload.as_str()) {
            rows.push(&run.workload);
        }
    }
    let mut lines = vec![
        format!("| workload | figure | {} |", contenders.join(" | ")),
        format!("|---|---|{}", "---|".repeat(contenders.len())),
    ];
    for workload in rows {
        let cells = cells(runs, workload);
        let figures: BTreeSet<&String> = cells.keys().map(|(figure, _)| figure).collect();
        for figure in figures {
            let of_contenders = contenders.iter().map(|contender| {
                let cell = cells.get(&(figure.clone(), *contender));
                let java = cells.get(&(figure.clone(), JAVA)).filter(|_| *contender != JAVA);
                cell.map(|found| spread(found, java.map(Vec::as_slice))).unwrap_or_default()
            });
            let columns = of_contenders.collect::<Vec<_>>().join(" | ");
            lines.push(format!("| {workload} | {figure} | {columns} |"));
        }
    }
    lines.join("\n") + "\n"
}

/// All figures of a workload, by figure and contender.
fn cells<'a>(runs: &'a [Run], workload: &str) -> BTreeMap<(String, &'a str), Vec<f64>> {
    let mut cells: BTreeMap<(String, &str), Vec<f64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.workload == workload) {
        let written = run.topics.iter().flat_map(|(topic, written)| {
            let records = u64::try_from(written.records).unwrap_or(0);
            [
                (format!("records in {topic}"), number(records)),
                (format!("MB in {topic}"), number(written.bytes) / 1e6),
            ]
        });
        let figures = run.figures.iter().map(|(name, figure)| (name.clone(), *figure));
        for (name, figure) in figures.chain(written) {
            cells.entry((name, run.contender)).or_default().push(figure);
        }
    }
    cells
}

/// The median, and in brackets the least and the most; then Java's median divided by it.
fn spread(found: &[f64], java: Option<&[f64]>) -> String {
    let least = found.iter().copied().fold(f64::INFINITY, f64::min);
    let most = found.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let median = median(found);
    let ratio = java.filter(|_| median > 0.0).map(|java| self::median(java) / median);
    let ratio = ratio.map(|ratio| format!(", {}×", digits(ratio))).unwrap_or_default();
    format!("{} ({}–{}){ratio}", digits(median), digits(least), digits(most))
}

fn median(found: &[f64]) -> f64 {
    let mut sorted = found.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Three digits, or all digits before the point.
fn digits(figure: f64) -> String {
    match figure.abs() {
        0.0 => "0".to_owned(),
        size if size < 10.0 => format!("{figure:.2}"),
        size if size < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_median_and_the_spread_of_each_contender() {
        let run = |contender, round, figure| Run {
            workload: "N1".to_owned(),
            contender,
            round,
            records: 1,
            figures: BTreeMap::from([("cpu_us_per_record".to_owned(), figure)]),
            topics: BTreeMap::new(),
        };
        let runs =
            [run("java", 1, 2.0), run("ours", 1, 0.5), run("java", 2, 4.0), run("java", 3, 123.4)];
        assert_eq!(
            table(&runs),
            "| workload | figure | java | ours |\n|---|---|---|---|\n\
             | N1 | cpu_us_per_record | 4.00 (2.00–123) | 0.50 (0.50–0.50), 8.00× |\n"
        );
    }
}

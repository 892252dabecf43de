//! How figures are written for people.

/// Three significant digits; very small values in scientific notation.
pub(super) fn significant(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 0.001 => format!("{value:.*}", (2.0 - size.log10().floor()) as usize),
        _ => format!("{value:.1e}"),
    }
}

/// An axis tick with the necessary digits only.
pub(super) fn tick(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The unit that suits numbers of up to `largest` TFLOP: its name, and its size in TFLOP.
pub(super) fn flop_unit(largest: f64) -> (&'static str, f64) {
    match largest {
        large if large >= 0.1 => ("TFLOP", 1.0),
        middle if middle >= 1e-4 => ("GFLOP", 1e-3),
        _ => ("MFLOP", 1e-6),
    }
}

/// A time in seconds, or in minutes, or in hours.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Bytes in MiB, or in GiB.
pub(super) fn bytes(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 { format!("{mebibytes:.0} MiB") } else { format!("{:.2} GiB", mebibytes / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let cases =
            [(0.0, "0"), (1234.5, "1234"), (60.5, "60.5"), (3.0, "3.00"), (0.0105, "0.0105"), (-0.5, "-0.500"), (2e-5, "2.0e-5")];
        for (value, written) in cases {
            assert_eq!(significant(value), written);
        }
        assert_eq!([0.0, 0.1 + 0.2, 20.0].map(tick), ["0", "0.3", "20"]);
        assert_eq!([0.04, 59.94, 59.99, 61.0, 7325.0].map(duration), ["0.0 s", "59.9 s", "1 min 0 s", "1 min 1 s", "2 h 2 min"]);
        assert_eq!([0, 700 << 20, 3 << 29].map(bytes), ["0 MiB", "700 MiB", "1.50 GiB"]);
        assert_eq!([20.3, 0.01, 0.0].map(|tflop| flop_unit(tflop).0), ["TFLOP", "GFLOP", "MFLOP"]);
    }
}

//! The cells of a Parquet file as JSON: numbers and times as Python's readers write them.

use parquet::basic::{LogicalType, TimeUnit};
use parquet::data_type::Decimal;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::{Map, Number, Value};

/// A row as an object.
pub(super) fn object(row: Row, schema: Option<&Type>) -> Value {
    let cell = |(name, field): (String, Field)| {
        let kind = schema
            .filter(|schema| schema.is_group())
            .and_then(|schema| schema.get_fields().iter().find(|field| field.name() == name).map(std::convert::AsRef::as_ref));
        let value = value(field, kind);
        (name, value)
    };
    Value::Object(row.into_columns().into_iter().map(cell).collect::<Map<_, _>>())
}

/// A cell; dates, times and decimals as texts.
fn value(field: Field, kind: Option<&Type>) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => value.into(),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) => value.into(),
        Field::Long(value) => match stamp(kind) {
            Some((unit, zone)) => stamped(value, unit, zone).into(),
            None => value.into(),
        },
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value.into(),
        Field::Float16(value) => float(f64::from(value.to_f32())),
        Field::Float(value) => float(value.into()),
        Field::Double(value) => float(value),
        Field::Decimal(value) => decimal(&value).into(),
        Field::Str(value) => value.into(),
        Field::Bytes(bytes) => bytes_text(bytes.data(), kind).into(),
        Field::Date(days) => date(i64::from(days)).into(),
        Field::TimeMillis(value) => time_of_day(i64::from(value) * 1000).into(),
        Field::TimeMicros(value) => time_of_day(value).into(),
        Field::TimestampMillis(value) => stamped(value, 1_000, stamp(kind).is_some_and(|(_, zone)| zone)).into(),
        Field::TimestampMicros(value) => stamped(value, 1_000_000, stamp(kind).is_some_and(|(_, zone)| zone)).into(),
        Field::Group(row) => object(row, kind),
        Field::ListInternal(list) => list.elements().iter().cloned().map(|item| value(item, element(kind))).collect(),
        Field::MapInternal(map) => {
            let text = |key: Field| match value(key, None) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            let entries = map.entries().iter().cloned().map(|(key, item)| (text(key), value(item, None)));
            Value::Object(entries.collect())
        }
    }
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// The type of a list's elements.
fn element(kind: Option<&Type>) -> Option<&Type> {
    let mut kind = kind?;
    while kind.is_group() {
        let [only] = kind.get_fields() else { return Some(kind) };
        kind = only.as_ref();
    }
    Some(kind)
}

/// The units of a second that a column of timestamps counts, and whether they are those of UTC.
fn stamp(kind: Option<&Type>) -> Option<(i64, bool)> {
    match kind?.get_basic_info().logical_type_ref()? {
        LogicalType::Timestamp(stamp) => {
            let units = match stamp.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            };
            Some((units, stamp.is_adjusted_to_u_t_c))
        }
        _ => None,
    }
}

/// Bytes as text if valid; a UUID in its text form.
fn bytes_text(bytes: &[u8], kind: Option<&Type>) -> String {
    let is_uuid =
        kind.and_then(|kind| kind.get_basic_info().logical_type_ref()).is_some_and(|kind| matches!(kind, LogicalType::Uuid));
    if !is_uuid {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
    parts.join("-")
}

/// A decimal, digit by digit: without a point where its scale is 0.
fn decimal(value: &Decimal) -> String {
    let bytes = value.data();
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    // The digits of the magnitude, the last one first.
    let mut digits: Vec<u8> = vec![0];
    for &byte in bytes {
        // Of a negative number, the complement counts, which is less by one.
        let mut carry = u32::from(if negative { !byte } else { byte });
        for digit in &mut digits {
            let sum = u32::from(*digit) * 256 + carry;
            *digit = (sum % 10) as u8;
            carry = sum / 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    if negative {
        let nines = digits.iter().take_while(|digit| **digit == 9).count();
        digits[..nines].fill(0);
        match digits.get_mut(nines) {
            Some(digit) => *digit += 1,
            None => digits.push(1),
        }
    }
    let scale = usize::try_from(value.scale()).unwrap_or(0);
    digits.resize(digits.len().max(scale + 1), 0);
    let text = |digits: &[u8]| digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect::<String>();
    let (fraction, whole) = digits.split_at(scale);
    let whole = text(whole);
    let whole = whole.trim_start_matches('0');
    let sign = if negative { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{}{point}{}", if whole.is_empty() { "0" } else { whole }, text(fraction))
}

/// A day after 1970-01-01.
fn date(days: i64) -> String {
    let day = days.checked_add(2_440_588).and_then(|day| time::Date::from_julian_day(i32::try_from(day).ok()?).ok());
    day.map_or_else(|| days.to_string(), |day| format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day()))
}

/// Microseconds after midnight.
fn time_of_day(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    format!("{}{}", clock(seconds), fraction(micros.rem_euclid(1_000_000), 6))
}

fn clock(seconds: i64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn fraction(part: i64, digits: usize) -> String {
    if part == 0 { String::new() } else { format!(".{part:0digits$}") }
}

/// `value`, of which `units` are a second, after 1970-01-01.
fn stamped(value: i64, units: i64, zone: bool) -> String {
    let (seconds, part) = (value.div_euclid(units), value.rem_euclid(units));
    // Microseconds, unless there is more.
    let part = if units == 1_000_000_000 && part % 1000 != 0 { fraction(part, 9) } else { fraction(part * 1_000_000 / units, 6) };
    let zone = if zone { "+00:00" } else { "" };
    format!("{} {}{part}{zone}", date(seconds.div_euclid(86_400)), clock(seconds.rem_euclid(86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_digit_by_digit() {
        let shown = |bytes: &[u8], scale| decimal(&Decimal::from_bytes(bytes.to_vec().into(), 38, scale));
        for (bytes, scale, expected) in [
            (&[7][..], 0, "7"),
            (&[0, 120], 0, "120"),
            (&[120], 1, "12.0"),
            (&[5], 2, "0.05"),
            (&[0xff], 0, "-1"),
            (&[0xff, 0x38], 2, "-2.00"),
            (&[0x80], 0, "-128"),
            (&[0], 3, "0.000"),
            (&[], 0, "0"),
            (
                &[0x4b, 0x3b, 0x4c, 0xa8, 0x5a, 0x86, 0xc4, 0x7a, 0x09, 0x8a, 0x22, 0x3f, 0xff, 0xff, 0xff, 0xff],
                0,
                "99999999999999999999999999999999999999",
            ),
        ] {
            assert_eq!(shown(bytes, scale), expected, "{bytes:?}");
        }
    }

    #[test]
    fn times_are_written_as_python_writes_them() {
        assert_eq!((date(0), date(-1), date(19_753)), ("1970-01-01".into(), "1969-12-31".into(), "2024-01-31".into()));
        assert_eq!(stamped(1_706_702_400_000, 1_000, false), "2024-01-31 12:00:00");
        assert_eq!(stamped(1_706_702_400_123_000, 1_000_000, true), "2024-01-31 12:00:00.123000+00:00");
        assert_eq!(stamped(1_706_702_400_123_456_789, 1_000_000_000, false), "2024-01-31 12:00:00.123456789");
        assert_eq!(stamped(-1, 1_000, false), "1969-12-31 23:59:59.999000");
        assert_eq!(stamped(i64::MAX, 1_000, false).split(' ').count(), 2);
        assert_eq!((time_of_day(45_000_000_000), time_of_day(1)), ("12:30:00".into(), "00:00:00.000001".into()));
    }
}

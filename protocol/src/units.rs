//! Amounts as people write them: `500m` of a CPU, `1.5GiB` of memory, `10s` of time.
//!
//! Every usual unit is read, in any case, with or without a space; ColonyOS reads fewer and drops what it does not
//! know. Arithmetic is exact: no amount passes through floating point, and what does not come out even is rounded up,
//! so that nobody is promised less than was asked for.

use crate::time::Span;

/// Reads an amount of CPU into thousandths: `500m`, `2`, `0.5`. Empty text means none is asked for.
///
/// # Errors
/// [`UnitError`], naming `field`.
pub fn parse_cpu(text: &str, field: &str) -> Result<u64, UnitError> {
    let fail = |why| UnitError::new(field, text, why, "`500m`, `2` or `0.5`");
    if text.trim().is_empty() {
        return Ok(0);
    }
    let (number, unit) = split(text);
    let scale = match unit.to_lowercase().as_str() {
        "" | "cpu" | "cpus" | "core" | "cores" => 1_000,
        "m" => 1,
        _ => return Err(fail(Why::Unit)),
    };
    scaled(number, scale).map_err(fail)
}

/// Reads an amount of memory or storage into bytes: `1.5GiB`, `10240Mi`, `100MB`; a bare number counts bytes, empty
/// text means none is asked for. Units with an `i` count in 1024, others in 1000.
///
/// # Errors
/// [`UnitError`], naming `field`.
pub fn parse_memory(text: &str, field: &str) -> Result<u64, UnitError> {
    let fail = |why| UnitError::new(field, text, why, "`10240Mi`, `1.5GiB` or `100MB`");
    if text.trim().is_empty() {
        return Ok(0);
    }
    let (number, unit) = split(text);
    let scale = memory_scale(&unit.to_lowercase()).ok_or_else(|| fail(Why::Unit))?;
    scaled(number, scale).map_err(fail)
}

fn memory_scale(unit: &str) -> Option<u64> {
    if matches!(unit, "" | "b" | "byte" | "bytes") {
        return Some(1);
    }
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let (prefix, base) = match unit.strip_suffix('i') {
        Some(prefix) => (prefix, 1024_u64),
        None => (unit, 1000),
    };
    let power = match prefix {
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return None,
    };
    base.checked_pow(power)
}

/// Reads a span of time: `10s`, `5m`, `1h30m`, `250ms`; a bare number counts seconds.
///
/// # Errors
/// [`UnitError`], naming `field`.
pub fn parse_duration(text: &str, field: &str) -> Result<Span, UnitError> {
    let fail = |why| UnitError::new(field, text, why, "`10s`, `5m`, `1h30m` or `90`");
    let mut rest = text.trim();
    let mut micros = 0_u64;
    let mut parts = 0;
    while !rest.is_empty() || parts == 0 {
        let (number, after) = split(rest);
        let unit_len = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        rest = after.trim_start();
        let alone = parts == 0 && rest.is_empty();
        let scale = duration_scale(unit, alone).ok_or_else(|| fail(Why::Unit))?;
        let part = scaled(number, scale).map_err(&fail)?;
        micros = micros.checked_add(part).ok_or_else(|| fail(Why::TooLarge))?;
        parts += 1;
    }
    if micros > Span::MAX.as_micros() {
        return Err(fail(Why::TooLarge));
    }
    Ok(Span::from_micros(micros))
}

/// Microseconds in a unit. Only a number that stands alone may have none.
fn duration_scale(unit: &str, alone: bool) -> Option<u64> {
    Some(match unit.to_lowercase().as_str() {
        "" if alone => 1_000_000,
        "us" | "µs" => 1,
        "ms" => 1_000,
        "s" | "sec" | "second" | "seconds" => 1_000_000,
        "m" | "min" | "minute" | "minutes" => 60_000_000,
        "h" | "hour" | "hours" => 3_600_000_000,
        "d" | "day" | "days" => 86_400_000_000,
        _ => return None,
    })
}

/// Thousandths of a CPU as ColonyOS writes them: `1000m`.
#[must_use]
pub fn format_cpu(millis: u64) -> String {
    format!("{millis}m")
}

/// Bytes as ColonyOS writes them, in whole mebibytes: `10240Mi`. A rest below one is dropped, as there.
#[must_use]
pub fn format_memory(bytes: u64) -> String {
    format!("{}Mi", bytes / (1 << 20))
}

/// Splits `1.5 GiB` into `1.5` and `GiB`.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// Decimal places read: a hundred-billionth of an exbibyte is below ten bytes, and ten places keep the sums in 128 bits.
const PLACES_MAX: usize = 10;

/// `number` times `scale`, rounded up to a whole.
fn scaled(number: &str, scale: u64) -> Result<u64, Why> {
    if number.starts_with('-') {
        return Err(Why::Negative);
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(Why::Number);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > PLACES_MAX {
        return Err(Why::Precision);
    }
    let value = |text: &str| match text {
        "" => Ok(0),
        text => text.parse::<u64>().map(u128::from).map_err(|_| Why::TooLarge),
    };
    let unit = (0..fraction.len()).fold(1_u128, |unit, _| unit * 10);
    // Neither product can overflow: 64 bits by 64 bits, and ten digits by 64 bits.
    let whole = value(whole)? * u128::from(scale);
    let part = (value(fraction)? * u128::from(scale)).div_ceil(unit);
    let sum = whole.checked_add(part).ok_or(Why::TooLarge)?;
    u64::try_from(sum).map_err(|_| Why::TooLarge)
}

/// An amount that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: `{text}` {}; write for example {example}", why.words())]
pub struct UnitError {
    /// Where it stands, as the user wrote it: `conditions.mem`, `--timeout`.
    pub field: String,
    /// What stands there, shortened.
    pub text: String,
    /// Amounts that can be read.
    pub example: &'static str,
    why: Why,
}

impl UnitError {
    /// Characters of the offending text that a message shows.
    const SHOWN: usize = 40;

    fn new(field: &str, text: &str, why: Why, example: &'static str) -> Self {
        Self { field: field.to_owned(), text: text.chars().take(Self::SHOWN).collect(), example, why }
    }

    /// What is wrong, without the field.
    #[must_use]
    pub fn why(&self) -> String {
        format!("`{}` {}", self.text, self.why.words())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Number,
    Negative,
    Precision,
    TooLarge,
    Unit,
}

impl Why {
    const fn words(self) -> &'static str {
        match self {
            Self::Number => "is no number with a unit",
            Self::Negative => "is negative",
            Self::Precision => "has more than ten decimal places",
            Self::TooLarge => "is too large",
            Self::Unit => "has an unknown unit",
        }
    }
}

#[cfg(test)]
mod tests;

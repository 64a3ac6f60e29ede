//! Rules for a single function spec.

use std::collections::BTreeSet;

use crate::{model::FunctionSpec, refusal::Refusal};

/// Largest priority, up and down: ColonyOS's. One step counts as a day of waiting, so queue order stays within 63 bits.
pub const PRIORITY_MAX: i32 = 50_000;
/// Largest number of retries: ColonyOS stores a 32-bit integer.
pub const RETRIES_MAX: i64 = i32::MAX as i64;
/// Most channels of one process: the length its type allows.
pub const CHANNELS_MAX: usize = 100;

/// Checks a function spec. `field` is where it stands, `functionspecs[2]`, or empty if it stands alone.
///
/// An empty function name and an empty executor type are accepted, because ColonyOS accepts them.
///
/// # Errors
/// [`Refusal::Invalid`], naming the field.
pub fn function_spec(spec: &FunctionSpec, field: &str) -> Result<(), Refusal> {
    let at = |name: &str| match field {
        "" => name.to_owned(),
        field => format!("{field}.{name}"),
    };
    if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&spec.priority) {
        let why = format!("{} is outside -{PRIORITY_MAX} to {PRIORITY_MAX}", spec.priority);
        return Err(Refusal::invalid(&at("priority"), why));
    }
    if spec.max_retries > RETRIES_MAX {
        let why = format!("{} is above {RETRIES_MAX}; -1 means without limit", spec.max_retries);
        return Err(Refusal::invalid(&at("maxretries"), why));
    }
    let texts: [(&str, &str); 6] = [
        ("nodename", &spec.node_name),
        ("funcname", &spec.func_name),
        ("label", &spec.label),
        ("conditions.colonyname", &spec.conditions.colony_name),
        ("conditions.executortype", &spec.conditions.executor_type),
        ("conditions.locationname", &spec.conditions.location_name),
    ];
    for (name, text) in texts {
        no_nul(text, || at(name))?;
    }
    for (index, name) in spec.conditions.executor_names.iter().enumerate() {
        no_nul(name, || at(&format!("conditions.executornames[{index}]")))?;
    }
    env(spec, &at)?;
    channels(spec, &at)
}

/// No operating system can pass on a NUL in a name or a value, and ColonyOS's database refuses it too.
fn no_nul(text: &str, field: impl FnOnce() -> String) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err(Refusal::invalid(&field(), "a NUL character is not allowed"));
    }
    Ok(())
}

fn env(spec: &FunctionSpec, at: &impl Fn(&str) -> String) -> Result<(), Refusal> {
    for (name, value) in spec.env.iter() {
        // Such a variable would silently arrive under another name.
        if name.contains('=') {
            return Err(Refusal::invalid(&at("env"), format!("the name `{name}` contains `=`")));
        }
        no_nul(name, || at("env"))?;
        no_nul(value, || at(&format!("env.{name}")))?;
    }
    Ok(())
}

fn channels(spec: &FunctionSpec, at: &impl Fn(&str) -> String) -> Result<(), Refusal> {
    if spec.channels.len() > CHANNELS_MAX {
        return Err(Refusal::invalid(&at("channels"), format!("more than {CHANNELS_MAX} channels")));
    }
    let mut seen = BTreeSet::new();
    for (index, name) in spec.channels.iter().enumerate() {
        no_nul(name, || at(&format!("channels[{index}]")))?;
        if !seen.insert(name) {
            return Err(Refusal::invalid(
                &at(&format!("channels[{index}]")),
                format!("`{name}` stands twice"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bounded::{List, Map, Text};

    fn message(spec: &FunctionSpec, field: &str) -> String {
        function_spec(spec, field).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_spec_is_valid_as_in_colonyos() {
        assert_eq!(function_spec(&FunctionSpec::default(), ""), Ok(()));
    }

    #[test]
    fn priorities_up_to_the_bounds_are_valid_and_beyond_are_not() {
        for priority in [-PRIORITY_MAX, 0, PRIORITY_MAX] {
            assert_eq!(function_spec(&FunctionSpec { priority, ..Default::default() }, ""), Ok(()));
        }
        for priority in [i32::MIN, -PRIORITY_MAX - 1, PRIORITY_MAX + 1, i32::MAX] {
            let text = message(&FunctionSpec { priority, ..Default::default() }, "functionspecs[2]");
            assert_eq!(text, format!("functionspecs[2].priority: {priority} is outside -50000 to 50000"));
        }
    }

    #[test]
    fn any_negative_number_of_retries_means_without_limit_but_a_huge_one_is_a_mistake() {
        for max_retries in [i64::MIN, -1, 0, RETRIES_MAX] {
            assert_eq!(function_spec(&FunctionSpec { max_retries, ..Default::default() }, ""), Ok(()));
        }
        let text = message(&FunctionSpec { max_retries: RETRIES_MAX + 1, ..Default::default() }, "");
        assert!(text.starts_with("maxretries: 2147483648 is above"), "{text}");
    }

    #[test]
    fn an_environment_that_no_process_could_receive_is_refused() {
        let with = |name: &str, value: &str| FunctionSpec {
            env: Map::new(BTreeMap::from([(Text::cut(name), Text::cut(value))])).unwrap(),
            ..Default::default()
        };
        assert_eq!(function_spec(&with("TEST", "a=b"), ""), Ok(()));
        assert_eq!(message(&with("A=B", "1"), ""), "env: the name `A=B` contains `=`");
        assert_eq!(message(&with("A\0", "1"), ""), "env: a NUL character is not allowed");
        assert_eq!(message(&with("A", "x\0"), ""), "env.A: a NUL character is not allowed");
    }

    #[test]
    fn a_channel_stands_only_once() {
        let channels = List::new(vec![Text::cut("a"), Text::cut("b"), Text::cut("a")]).unwrap();
        let spec = FunctionSpec { channels, ..Default::default() };
        assert_eq!(message(&spec, ""), "channels[2]: `a` stands twice");
    }

    #[test]
    fn a_nul_is_refused_in_every_name() {
        let spec = FunctionSpec { func_name: Text::cut("a\0b"), ..Default::default() };
        assert_eq!(message(&spec, ""), "funcname: a NUL character is not allowed");
        let mut spec = FunctionSpec::default();
        spec.conditions.executor_names = List::new(vec![Text::cut("a"), Text::cut("\0")]).unwrap();
        assert_eq!(message(&spec, ""), "conditions.executornames[1]: a NUL character is not allowed");
    }
}

use crate::Kernels;

#[test]
fn the_plain_kernels_are_always_there_and_the_best_come_last() {
    let sets = Kernels::available();
    assert_eq!(sets[0].name(), "portable");
    assert_eq!(sets.last(), Some(&Kernels::detect()));
}

#[test]
fn every_available_set_is_found_by_its_name() {
    for set in Kernels::available() {
        assert_eq!(Kernels::by_name(set.name()), Ok(set));
    }
}

#[test]
fn an_unknown_name_is_refused_with_what_there_is() {
    let error = Kernels::by_name("sse9").unwrap_err().to_string();
    assert!(error.starts_with("there are no kernels named \"sse9\"; available here: portable"));
}

#[test]
fn a_set_of_another_machine_is_refused_with_what_there_is() {
    let foreign = if cfg!(target_arch = "aarch64") {
        "avx512"
    } else {
        "neon"
    };
    let error = Kernels::by_name(foreign).unwrap_err().to_string();
    let wanted = format!("this machine has no {foreign} kernels; available here: portable");
    assert!(error.starts_with(&wanted), "{error}");
}

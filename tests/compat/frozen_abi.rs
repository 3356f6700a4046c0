//! Apps that were built against the frozen ABI, and against copies of it that are not quite it.

use mysimbdp_tests::fixtures::{Compat, compat_app, test_frozen_abi};

#[test]
fn the_frozen_abi_still_has_its_frozen_layout() {
    test_frozen_abi().expect("the frozen copy compiles and passes its own test");
}

#[test]
fn the_apps_of_the_compatibility_tests_build() {
    for variant in Compat::ALL {
        let library = compat_app(variant).expect("it builds");
        let bytes = std::fs::read(&library).expect("it can be read");
        let says = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(says(&format!("\nname={}\n", variant.name())), "{}", library.display());
        assert_eq!(says("\napi=2.0\n"), variant == Compat::NewerApi, "{}", library.display());
    }
}

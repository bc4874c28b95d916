//! A cluster with authentication and encryption.

use tests::broker::{self, Options};

use crate::{
    orders::Orders,
    world::{Mode, PATIENCE, World},
};

const COUNT: u64 = 300;

fn scram(password: &str) -> String {
    format!(
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
         username=\"alice\" password=\"{password}\";"
    )
}

/// Runs an application with this id and these settings until all is done.
fn run_until_done(world: &World, id: &str, bootstrap: &str, settings: &[String]) {
    let directory = world.state_dir(id);
    let mut arguments = vec!["run", "--bootstrap-server", bootstrap, "--application-id", id];
    arguments.extend(["--state-dir", directory.to_str().unwrap(), "--until-idle", "3"]);
    arguments.extend(["--guarantee", "exactly-once"]);
    for setting in settings {
        arguments.extend(["--config", setting]);
    }
    let told = world.process(id, &arguments).succeed(PATIENCE).unwrap();
    // Each customer and order comes once from the input, and each order once more through its
    // repartition topic.
    let customers = u64::try_from(Orders::new(COUNT, 15).expected().per_customer.len()).unwrap();
    let expected = format!("{} records in", customers + 2 * COUNT);
    assert!(told.starts_with(&expected), "{id}: {expected:?} is not in {told}");
}

#[test]
fn tls_scram_and_mutual_tls_are_spoken_and_a_wrong_password_is_said_to_be_wrong() {
    if !broker::wanted() {
        return;
    }
    let world = World::with(Mode::EXACTLY_ONCE, 2, Options::default().secure());
    world.feed(&Orders::new(COUNT, 15));
    let (broker, tls) = (&world.broker, world.broker.tls());
    let file = |name: &str, path: &std::path::Path| format!("{name}={}", path.display());
    let trust =
        ["ssl.truststore.type=PEM".to_owned(), file("ssl.truststore.location", &tls.authority)];
    let [kind, authority] = trust;
    let encrypted = |protocol: &str| {
        vec![format!("security.protocol={protocol}"), kind.clone(), authority.clone()]
    };
    run_until_done(&world, "with-tls", &broker.ssl(), &encrypted("SSL"));

    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let mut settings = encrypted("SASL_SSL");
        settings.extend([format!("sasl.mechanism={mechanism}"), scram("alice-secret")]);
        run_until_done(&world, mechanism, &broker.sasl_ssl(), &settings);
    }

    let mut settings = encrypted("SSL");
    settings.push(file("ssl.certificate.location", &tls.client_certificate));
    settings.push(file("ssl.key.location", &tls.client_key));
    run_until_done(&world, "with-mutual-tls", &broker.mutual_tls(), &settings);

    let (bootstrap, directory) = (broker.sasl_ssl(), world.state_dir("wrong"));
    let mut arguments = vec!["run", "--bootstrap-server", &bootstrap, "--application-id", "wrong"];
    arguments.extend(["--state-dir", directory.to_str().unwrap()]);
    let mut settings = encrypted("SASL_SSL");
    settings.extend(["sasl.mechanism=SCRAM-SHA-256".to_owned(), scram("wrong-secret")]);
    for setting in &settings {
        arguments.extend(["--config", setting]);
    }
    let refused = world.process("wrong password", &arguments);
    assert_eq!(refused.wait(PATIENCE).unwrap().code(), Some(1));
    let text = refused.stderr().join("\n");
    for word in
        ["invalid credentials", "SCRAM-SHA-256", "check security.protocol, the sasl settings"]
    {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert!(!text.contains("wrong-secret"), "the password is in {text}");
}

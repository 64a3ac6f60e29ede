use super::*;

#[test]
fn every_key_of_an_executor_is_read_and_what_the_colony_sets_is_passed_over() {
    let id = "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac";
    let text = r#"{"executorid":"ID","executortype":"gpu","executorname":"exec2","colonyname":"dev","state":1,
 "requirefuncreg":true,"commissiontime":"2026-11-22T11:04:01.464126Z","lastheardfromtime":"0001-01-01T00:00:00Z",
 "locationname":"home",
 "capabilities":{"hardware":[{"model":"box","nodes":1,"cpu":"4000m","cores":8,"mem":"8Gi","storage":"100Gi",
      "gpu":{"name":"h200","mem":"141Gi","count":1,"nodecount":1},"platform":"linux","architecture":"amd64","network":["10.0.0.5"]}],
   "software":[{"name":"img","type":"container","version":"1"}]},
 "allocations":{"projects":{}},"blueprintid":"b","blueprintgen":3}"#;
    let executor = parse_executor(&text.replace("ID", id)).unwrap();
    assert_eq!(executor.id.to_hex(), id);
    assert_eq!(
        (&*executor.name, &*executor.executor_type, &*executor.location_name),
        ("exec2", "gpu", "home")
    );
    assert_eq!((executor.state, executor.require_func_reg), (Default::default(), true));
    let hardware = &executor.capabilities.hardware[0];
    assert_eq!((&*hardware.model, hardware.nodes, hardware.cores), ("box", 1, 8));
    assert_eq!((hardware.cpu_millis, hardware.memory, hardware.storage), (4000, 8 << 30, 100 << 30));
    assert_eq!((&*hardware.gpu.name, hardware.gpu.memory, hardware.gpu.count), ("h200", 141 << 30, 1));
    assert_eq!((&*hardware.platform, &*hardware.architecture), ("linux", "amd64"));
    assert_eq!(&*hardware.network[0], "10.0.0.5");
    assert_eq!(&*executor.capabilities.software[0].kind, "container");
}

#[test]
fn the_older_form_with_single_objects_and_coordinates_is_read() {
    let text = r#"{"executorname":"ml","executortype":"ml","location":{"long":65.6,"lat":22.1,"desc":"ICE"},
        "capabilities":{"hardware":{"model":"Ryzen","cpu":"4000m","mem":"16Gi","storage":"100Ti","gpu":{"count":1}},
        "software":{"name":"colonyos/ml:latest","type":"k8s","version":"latest"}}}"#;
    let executor = parse_executor(text).unwrap();
    assert_eq!(executor.id, Identity::NOBODY);
    assert_eq!(executor.capabilities.hardware.len(), 1);
    assert_eq!(executor.capabilities.hardware[0].storage, 100 << 40);
    assert_eq!(&*executor.capabilities.software[0].name, "colonyos/ml:latest");
}

#[test]
fn mistakes_in_an_executor_are_placed() {
    for (text, expected) in [
        (r#"{"executorname":"a:b"}"#, "line 1, column 17: executorname: a name must not contain `:`"),
        (r#"{"executorid":"12"}"#, "line 1, column 15: executorid: an id is 64 hex characters"),
        (
            r#"{"executor_name":"a"}"#,
            "line 1, column 2: executor_name: there is no such field; did you mean `executorname`?",
        ),
        ("[]", "line 1, column 1: expected an object, found an array"),
        (
            r#"{"capabilities":{"hardware":[{"ram":"1Gi"}]}}"#,
            "line 1, column 31: capabilities.hardware[0].ram: there is no such field; known fields here: model, nodes, cpu, \
          cores, mem, storage, gpu, platform, architecture, network",
        ),
    ] {
        assert_eq!(parse_executor(text).unwrap_err().to_string(), expected);
    }
}

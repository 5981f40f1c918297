//! Changes through our own writer, taken and refused by a real API server.

use quarterdeck::engine::cluster::{
    AccessQuestion, ClusterReader as _, ClusterWriter as _, DeleteOptions, Preconditions, WriteBody, WriteError,
    WriteRequest, WriteTarget,
};
use quarterdeck::engine::k8s::connector::K8sCluster;
use quarterdeck::model::cluster::ClusterName;
use quarterdeck::model::name::Name;
use quarterdeck::model::text::Text;
use serde_json::{Value, json};

use crate::Test;
use crate::connection::{connect, kind, token, wait};
use crate::rig::{ControlPlane, Options, Outcome, User};

pub(crate) const TESTS: &[Test] = &[("writes_are_taken_once_and_refused_for_what_they_are", taken_and_refused)];

/// Somebody with few rights.
const LIMITED: &str = "limited";

struct Rig {
    cluster: K8sCluster,
    target: WriteTarget,
}

impl Rig {
    async fn of(plane: &ControlPlane, user: &str, (resource, name): (&str, &str)) -> Outcome<Self> {
        let cluster = connect(plane, token(&format!("{user}-token")))?;
        let catalog = cluster.discover().await?;
        let target = WriteTarget {
            cluster: ClusterName::new(plane.name()),
            kind: kind(&catalog, resource)?.clone(),
            namespace: Name::new("default").ok(),
            name: Name::new(name)?,
            subresource: None,
        };
        Ok(Self { cluster, target })
    }

    async fn now(&self) -> Outcome<(Value, Preconditions)> {
        let object = self.cluster.read(self.target.clone()).await?;
        let text = |key: &str| object["metadata"][key].as_str().map(Text::new);
        let preconditions = Preconditions { uid: text("uid"), resource_version: text("resourceVersion") };
        Ok((object, preconditions))
    }

    async fn write(&self, body: WriteBody, preconditions: Preconditions) -> Result<Value, WriteError> {
        let target = self.target.clone();
        self.cluster.write(WriteRequest { target, body, preconditions, dry_run: false, deadline: None }).await
    }

    async fn dry_run(&self, body: WriteBody) -> Result<Value, WriteError> {
        let (target, preconditions) = (self.target.clone(), Preconditions::default());
        self.cluster.write(WriteRequest { target, body, preconditions, dry_run: true, deadline: None }).await
    }
}

fn taken_and_refused() -> Outcome {
    let options = Options { users: vec![User::named(LIMITED)], ..Options::named("writes") };
    let plane = ControlPlane::start(options)?;
    plane.kubectl(&["create", "configmap", "settings", "--from-literal=a=b"])?;
    plane.kubectl(&["create", "deployment", "web", "--image=web"])?;
    plane.kubectl(&["create", "role", "reader", "--verb=get,patch", "--resource=configmaps"])?;
    plane.kubectl(&["create", "rolebinding", "reader", "--role=reader", "--user=limited"])?;
    wait(async {
        let settings = Rig::of(&plane, "admin", ("configmaps", "settings")).await?;
        conflicts(&settings).await?;
        scaled(&plane).await?;
        rights(&plane).await?;
        deleted(&settings).await
    })
}

/// What was made of an older state, or of another object, changes nothing.
async fn conflicts(settings: &Rig) -> Outcome {
    let patch = |value: &str| WriteBody::MergePatch(json!({"data": {"a": value}}));
    let (object, first) = settings.now().await?;
    let done = settings.write(patch("c"), first.clone()).await?;
    assert_eq!(done["data"]["a"], "c");
    assert_ne!(done["metadata"]["resourceVersion"], object["metadata"]["resourceVersion"]);
    for body in [patch("d"), WriteBody::JsonPatch(json!([{"op": "replace", "path": "/data/a", "value": "d"}]))] {
        let error = settings.write(body, first.clone()).await.err().ok_or("it was made of an older state")?;
        assert!(matches!(error, WriteError::Conflict(_)), "{error:?}");
    }
    let (_, present) = settings.now().await?;
    let wrong = [
        Preconditions { uid: Some("8e2f1a9c-0000-4000-8000-000000000000".into()), resource_version: None },
        Preconditions { uid: present.uid.clone(), resource_version: first.resource_version },
    ];
    for preconditions in wrong {
        let delete = WriteBody::Delete(DeleteOptions::default());
        let error = settings.write(delete, preconditions).await.err().ok_or("it is another object")?;
        assert!(matches!(error, WriteError::Conflict(_)), "{error:?}");
    }
    assert_eq!(settings.dry_run(patch("e")).await?["data"]["a"], "e");
    settings.dry_run(WriteBody::Delete(DeleteOptions::default())).await?;
    let (object, after) = settings.now().await?;
    assert_eq!((&object["data"]["a"], after), (&json!("c"), present), "a dry run keeps nothing");
    let list = json!([{"op": "replace", "path": "/data/a", "value": "f"}]);
    let done = settings.write(WriteBody::JsonPatch(list), settings.now().await?.1).await?;
    assert_eq!(done["data"]["a"], "f", "a JSON patch of the present state is taken");
    Ok(())
}

async fn scaled(plane: &ControlPlane) -> Outcome {
    let mut web = Rig::of(plane, "admin", ("deployments", "web")).await?;
    let generation = web.now().await?.0["metadata"]["generation"].clone();
    web.target.subresource = Some(Name::new("scale")?);
    let (scale, preconditions) = web.now().await?;
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(1)));
    let to = |replicas: i64| WriteBody::MergePatch(json!({"spec": {"replicas": replicas}}));
    assert_eq!(web.write(to(3), preconditions.clone()).await?["spec"]["replicas"], 3);
    let stale = web.write(to(4), preconditions.clone()).await.err().ok_or("it was made of an older state")?;
    assert!(matches!(stale, WriteError::Conflict(_)), "{stale:?}");
    let nonsense = web.write(to(-1), Preconditions::default()).await.err().ok_or("it is nonsense")?;
    assert!(matches!(nonsense, WriteError::Invalid(_)), "{nonsense:?}");
    web.target.subresource = None;
    let object = web.now().await?.0;
    assert_eq!(object["spec"]["replicas"], 3);
    assert_ne!(object["metadata"]["generation"], generation);
    Ok(())
}

async fn rights(plane: &ControlPlane) -> Outcome {
    let limited = Rig::of(plane, LIMITED, ("configmaps", "settings")).await?;
    for (verb, allowed) in [("patch", true), ("delete", false)] {
        let question = AccessQuestion {
            verb: verb.into(),
            resource: "configmaps".into(),
            namespace: Some("default".into()),
            ..AccessQuestion::default()
        };
        assert_eq!(limited.cluster.review(question).await?.allowed, allowed, "{verb}");
    }
    let delete = WriteBody::Delete(DeleteOptions::default());
    let error = limited.write(delete, Preconditions::default()).await.err().ok_or("it may not")?;
    assert!(matches!(&error, WriteError::Denied(why) if why.contains("cannot delete resource")), "{error:?}");
    Ok(())
}

async fn deleted(settings: &Rig) -> Outcome {
    let (_, present) = settings.now().await?;
    let delete = || WriteBody::Delete(DeleteOptions::default());
    settings.write(delete(), present.clone()).await?;
    let error = settings.write(delete(), present).await.err().ok_or("it is gone")?;
    assert!(matches!(error, WriteError::NotFound(_)), "{error:?}");
    Ok(())
}

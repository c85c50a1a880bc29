"""Reasons that a DataReplicationRun shows: in its conditions, its steps, its attempts and its Events."""

from typing import Literal

from datareplication.core.reasons.meaning import Meaning

OfRuns = Literal[
    "AllTargetsLoaded",
    "AllTargetsRolledBack",
    "LoadFailed",
    "ClaimNotFound",
    "ReplicationNotFound",
    "NotObserved",
    "RestoredWithoutStatus",
    "OperatorDefect",
    "RunTimeout",
    "Replaced",
    "RunDeleted",
    "StartTimeout",
    "DeadlineExceeded",
    "JobHeld",
    "JobGone",
    "ReportLost",
    "JobTerminating",
    "JobParallelism",
    "JobNameTaken",
    "JobRefused",
    "JobRejected",
    "ForeignJob",
    "NodeLost",
    "InitContainerRunning",
    "InitContainerWaiting",
    "InitContainerFailed",
    "SidecarWaiting",
    "ContainerCreating",
    "PodFailed",
    "Disruption",
    "SnapshotPublished",
    "LoadSucceeded",
    "RolledBack",
    "RunSucceeded",
    "RunPartiallyFailed",
    "RunFailed",
    "RunReplaced",
    "RunWaiting",
]

MEANINGS: dict[OfRuns, Meaning] = {
    "AllTargetsLoaded": Meaning("conditions of a run", "The run loaded every target."),
    "AllTargetsRolledBack": Meaning("conditions of a run", "The run rolled every target back."),
    "LoadFailed": Meaning(
        "conditions of a run; Event",
        "The load of a target failed; the message says why.",
        "Look at the reason in `status.targets`.",
    ),
    "ClaimNotFound": Meaning(
        "conditions of a run",
        "The PersistentVolumeClaim of the snapshots was not there within `startTimeoutSeconds`.",
        "Create it in the resource's own namespace, and start a run by hand.",
    ),
    "ReplicationNotFound": Meaning(
        "conditions of a run",
        "There is no DataReplication with the name in `spec.replicationName`.",
        "Correct the name in a new run; the DataReplication must be in the same namespace.",
    ),
    "NotObserved": Meaning(
        "conditions of a run",
        "Kubernetes does not let the operator look at the run's Jobs, pods or claim. The run ends at its deadline.",
        "Give the operator's role the right that the message names.",
    ),
    "RestoredWithoutStatus": Meaning(
        "conditions of a run",
        "The run has fields that only the operator fills in, but no status: it was restored from a backup, or copied.",
        "Make a new run without `dataInterval` and `replication`.",
    ),
    "OperatorDefect": Meaning(
        "conditions of a run",
        "The operator has a defect that this run met; all other runs go on.",
        "Report it with the operator's log.",
    ),
    "RunTimeout": Meaning(
        "step; conditions of a run",
        "The run did not end within `timeoutSeconds`.",
        "See which step took so long; raise `timeoutSeconds`.",
    ),
    "Replaced": Meaning(
        "step; conditions of a run", "The run of a later slot took this run's place (`concurrencyPolicy: Replace`)."
    ),
    "RunDeleted": Meaning(
        "annotation of a Job; conditions of a run; notification",
        "The run was deleted before its end; its Jobs are ended. A target that it has not swapped is as before.",
    ),
    "StartTimeout": Meaning(
        "step",
        "The pod did not start within `startTimeoutSeconds`; the message says what held it up.",
        "Repair what the message names, for example a missing Secret or an image that cannot be pulled.",
    ),
    "DeadlineExceeded": Meaning(
        "step; dump, load",
        "A step or an attempt did not end within its `timeoutSeconds`.",
        "Raise `timeoutSeconds` of the step or of the run, or give it more workers.",
    ),
    "JobHeld": Meaning(
        "step",
        "Somebody else has suspended the Job: a queue such as Kueue, or a person.",
        "Nothing: the step goes on when the Job is resumed.",
    ),
    "JobGone": Meaning(
        "step",
        "The Job was deleted before its end was seen.",
        "Start a run by hand; make sure that nobody deletes the Jobs, and no time to live does.",
    ),
    "ReportLost": Meaning(
        "step",
        "The step succeeded; its report cannot be read, so its rows and times are not known.",
        "Make sure that nobody removes the Jobs' finished pods, or replaces the program in them.",
    ),
    "JobTerminating": Meaning(
        "step",
        "The Job was deleted, and a finalizer holds it, so that it makes no pod.",
        "Remove the finalizer, and start a run by hand.",
    ),
    "JobParallelism": Meaning(
        "step", "Somebody has set the Job's `parallelism` to 0, so that it makes no pod.", "Set it to 1."
    ),
    "JobNameTaken": Meaning(
        "step",
        "A Job with the step's name belongs to another run, or to a deleted run of the same name.",
        "Nothing, if that Job goes away by itself; otherwise delete it, or give the next run another name.",
    ),
    "JobRefused": Meaning(
        "step",
        "Kubernetes refuses to create the Job for now: because of a quota, a policy, a webhook, a missing right.",
        "Repair what the message names; the operator tries again every 30 s.",
    ),
    "JobRejected": Meaning(
        "step",
        "Kubernetes finds the Job itself invalid.",
        "Correct the field that the message names, for example in `resources`.",
    ),
    "ForeignJob": Meaning(
        "step",
        "A Job with the step's name exists and belongs to somebody else.",
        "Delete or rename that Job, and start a run by hand.",
    ),
    "NodeLost": Meaning(
        "step",
        "The pod's node does not answer, so no other pod may start.",
        "Delete the node, or taint it `node.kubernetes.io/out-of-service`.",
    ),
    "InitContainerRunning": Meaning(
        "step", "An init container that somebody else added to the pod is running.", "Nothing, unless it hangs."
    ),
    "InitContainerWaiting": Meaning(
        "step", "An init container of the pod does not start.", "Repair what the message names."
    ),
    "InitContainerFailed": Meaning(
        "attempt", "An init container of the pod failed before the program began.", "Look at that container's log."
    ),
    "SidecarWaiting": Meaning("step", "Another container of the pod does not start.", "Repair what the message names."),
    "ContainerCreating": Meaning(
        "step", "The pod is being set up.", "Nothing, unless it takes long: then its Events say why."
    ),
    "PodFailed": Meaning(
        "attempt",
        "The pod failed, and its program reported nothing.",
        "Look at the pod's log; its node may have ended it.",
    ),
    "Disruption": Meaning(
        "attempt; metrics",
        "The pod was taken away: evicted, drained or preempted. It costs no attempt.",
        "Nothing: the attempt is made again.",
    ),
    "SnapshotPublished": Meaning("Event", "The dump has written its snapshot, and loads may begin."),
    "LoadSucceeded": Meaning("Event", "A target was loaded."),
    "RolledBack": Meaning("load; Event", "The target has the database from before its last load again."),
    "RunSucceeded": Meaning("Event", "The run has succeeded."),
    "RunPartiallyFailed": Meaning(
        "Event",
        "Some targets were loaded, others were not.",
        "Look at `status.targets`; load the others by a run with `targets`.",
    ),
    "RunFailed": Meaning(
        "Event", "The run has failed.", "The message says why; `status.dump` and `status.targets` say more."
    ),
    "RunReplaced": Meaning("Event", "The run of a later slot took this run's place."),
    "RunWaiting": Meaning(
        "Event",
        "The run waits; the message says for what.",
        "Repair what the message names, if it does not pass by itself.",
    ),
}

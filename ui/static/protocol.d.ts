// Generated from ui/protocol/*.py; do not edit. To write it anew: make format

declare namespace Protocol {
  /** Whether a run waits for approval of every step. */
  interface ApproveEach {
    type: "approve-each";
    value: boolean;
  }

  /** Remove all samples. */
  interface CalibrateClear {
    type: "calibrate-clear";
    camera: string;
  }

  /** Keep the picture live for a moment. */
  interface CalibrateLook {
    type: "calibrate-look";
    camera: string;
  }

  /** Remove a sample. */
  interface CalibrateRemove {
    type: "calibrate-remove";
    camera: string;
    sample: string;
  }

  /** Take a sample. */
  interface CalibrateSample {
    type: "calibrate-sample";
    camera: string;
  }

  /** Save the calibration, and use it. */
  interface CalibrateSave {
    type: "calibrate-save";
    camera: string;
  }

  /** Calibrate from the samples. */
  interface CalibrateSolve {
    type: "calibrate-solve";
    camera: string;
  }

  /** Let another policy act. */
  interface ChoosePolicy {
    type: "policy";
    name: string;
  }

  /** Copy the sample into the recordings. */
  interface DemoCopySample {
    type: "demo-copy-sample";
    id: number;
  }

  /** Move demonstrations to the trash. */
  interface DemoDelete {
    type: "demo-delete";
    id: number;
    episodes: string[];
  }

  /** Delete what is in the trash for good. */
  interface DemoEmptyTrash {
    type: "demo-empty-trash";
    id: number;
  }

  /** Let these frames be the keyframes. */
  interface DemoKeyframes {
    type: "demo-keyframes";
    id: number;
    episode: string;
    frames: number[];
  }

  /** Change labels; None leaves one as it is. */
  interface DemoLabel {
    type: "demo-label";
    id: number;
    episode: string;
    task?: string | null;
    outcome?: "success" | "partial" | "failure" | "unknown" | null;
    notes?: string | null;
  }

  /** Carry a demonstration out again: its keyframes, or every frame. */
  interface DemoReplay {
    type: "demo-replay";
    id: number;
    episode: string;
    set: "recordings" | "sample";
    every_frame: boolean;
  }

  /** Take demonstrations out of the trash. */
  interface DemoRestore {
    type: "demo-restore";
    id: number;
    episodes: string[];
  }

  /** Make two of one, before this frame. */
  interface DemoSplit {
    type: "demo-split";
    id: number;
    episode: string;
    frame: number;
  }

  /** The text of the step that the frames from `start` up to `stop` show. */
  interface DemoStep {
    type: "demo-step";
    id: number;
    episode: string;
    start: number;
    stop: number;
    text: string;
  }

  /** Keep the frames from `start` up to `stop`. */
  interface DemoTrim {
    type: "demo-trim";
    id: number;
    episode: string;
    start: number;
    stop: number;
  }

  /** Take the latest edit back. */
  interface DemoUndo {
    type: "demo-undo";
    id: number;
  }

  /** Begin or end driving by hand. */
  interface Drive {
    type: "drive";
    on: boolean;
  }

  /** Put these steps in place of those to come. */
  interface EditPlan {
    type: "edit-plan";
    steps: string[];
  }

  /** A command that is a verb alone, named as the episode's method. */
  interface EpisodeCommand {
    type: "predict" | "approve" | "run" | "pause" | "redo" | "skip" | "home" | "replan" | "revert" | "undo" | "preview"
      | "recover";
  }

  /** What is held down while driving, in shares of full speed along and about the world's axes; `seq` comes back. */
  interface Jog {
    type: "jog";
    seq: number;
    linear: [number, number, number];
    angular: [number, number, number];
    gripper?: "open" | "close" | null;
    slow: boolean;
  }

  /** The pose to drive to, world metres and xyzw. */
  interface JogTarget {
    type: "jog-target";
    position: [number, number, number];
    quaternion: [number, number, number, number];
  }

  /** Predict the step around this point, world metres. */
  interface Keypoint {
    type: "keypoint";
    position: [number, number, number];
  }

  /** Take, ask for, hand over or refuse the controls; `to`: the page that asks. */
  interface LeaseAction {
    type: "lease";
    action: "take" | "request" | "cancel" | "release" | "grant" | "deny";
    to?: string | null;
  }

  /** The first message on a link: `token` from /clap/session; `seat`, if the page had one before. */
  interface Open {
    type: "open";
    token: string;
    seat?: string | null;
  }

  /** A sign of life; `t` comes back with the pong. */
  interface Ping {
    type: "ping";
    t?: number | null;
  }

  /** Plan for an instruction. */
  interface Plan {
    type: "plan";
    instruction: string;
  }

  /** Begin a take. */
  interface RecordBegin {
    type: "record-begin";
    operator: string;
    notes: string;
  }

  /** Keep the take; `success` None: the operator cannot tell. */
  interface RecordCommit {
    type: "record-commit";
    success?: boolean | null;
    notes: string;
  }

  /** Put the take into the trash. */
  interface RecordDiscard {
    type: "record-discard";
  }

  /** End the take; it waits to be kept or discarded. */
  interface RecordEnd {
    type: "record-end";
  }

  /** Mark the latest frame as a keyframe. */
  interface RecordMark {
    type: "record-mark";
  }

  /** Look again at a take that was left unfinished. */
  interface RecordResume {
    type: "record-resume";
    take: string;
  }

  /** Who sits in front of the page. */
  interface Rename {
    type: "name";
    name: string;
  }

  /** Set a scene up; without a `variation` the seed chooses one. */
  interface Reset {
    type: "reset";
    task: string;
    seed: number;
    variation?: number | null;
    condition: string;
  }

  /** End a retraining; what it has learned is kept. */
  interface RetrainCancel {
    type: "retrain-cancel";
    run: string;
  }

  /** Go on with a retraining that ended early. */
  interface RetrainResume {
    type: "retrain-resume";
    run: string;
  }

  /** Train the policy further on chosen demonstrations. */
  interface RetrainStart {
    type: "retrain-start";
    set: "recordings" | "sample";
    episodes: string[];
    method: "full" | "lora";
    minutes: number;
  }

  /** Let the checkpoint of a retraining act. */
  interface RetrainUse {
    type: "retrain-use";
    run: string;
  }

  /** Whether the page is in front of somebody. */
  interface Seen {
    type: "seen";
    value: boolean;
  }

  /** Multiples of real time; 0 is as fast as the world can. */
  interface Speed {
    type: "speed";
    value: number;
  }

  /** Stop all motion. Never refused: whatever else is in the message is left aside. */
  interface Stop {
    type: "stop";
    id?: number | null;
  }

  /** Put this pose, world metres and xyzw, in place of the predicted one. */
  interface Target {
    type: "target";
    position: [number, number, number];
    quaternion: [number, number, number, number];
    gripper_open: boolean;
  }

  /** The pose that a step leads to. */
  interface Action {
    position: [number, number, number];
    quaternion: [number, number, number, number];
    gripper_open: boolean;
  }

  /** What a camera sees of the calibration's board (`picture`), and the pose to take the next sample at. */
  interface BoardSeen {
    type: "board";
    camera: string;
    sentence: string;
    ready: boolean;
    way: string;
    near: boolean;
    target: Pose | null;
  }

  /** Why a camera sees nothing. */
  interface BoardUnseen {
    type: "board";
    camera: string;
    sentence: string;
    ready: false;
  }

  /** A box along the world's axes, metres. */
  interface Box {
    low: [number, number, number];
    high: [number, number, number];
  }

  /** A calibration: how certain it is, where the camera is, and the file that it was saved to, if it was. */
  interface CalibrationResult {
    mm: number;
    degrees: number;
    pixels: number;
    position: number[];
    change: Change | null;
    warnings: string[];
    saved: string;
  }

  /** All that is known of one camera's calibration but its picture. `answered` counts the commands carried out. */
  interface CalibrationState {
    type: "calibration";
    camera: string;
    cameras: string[];
    setting: string;
    board: string;
    in_use: string;
    warns: boolean;
    samples: (JudgedSample | Sample)[];
    lacks: Lacks | null;
    result: CalibrationResult | null;
    answered: number;
  }

  /** How old a camera's picture is, seconds. */
  interface CameraAge {
    camera: string;
    age: number;
  }

  /** How far a camera counted as being from where it is found to be. */
  interface Change {
    mm: number;
    degrees: number;
  }

  /** One safety check. */
  interface Check {
    name: string;
    ok: boolean;
    sentence: string;
  }

  /** A page that asks for control; without an answer it takes over in so many seconds. */
  interface ControlRequest {
    id: string;
    name: string;
    seconds_left: number;
  }

  /** The answer to an edit of demonstrations, by the `id` of its command; `undo`: it can be taken back. */
  interface EditDone {
    type: "review-done";
    id: number;
    undo: boolean;
    ok: boolean;
    sentence: string;
    made: string[];
  }

  /** What went wrong, by a stable name, and what to do next. */
  interface Failure {
    name: string;
    sentence: string;
    next_move: string;
  }

  /** The zoomed views: pictures `zoom0` …, with the heatmaps over them, and `plain0` … without. */
  interface FineHeader {
    type: "fine";
    heatmaps: boolean;
  }

  /** A thing that the policy has found: its pixel (u, v) in each view, and where that is. */
  interface FoundObject {
    name: string;
    pixels: [number, number][];
    position: [number, number, number];
  }

  /** The tool's pose and the gripper's `opening`, from 0 (closed) to 1. */
  interface GripperPose {
    position: [number, number, number];
    quaternion: [number, number, number, number];
    opening: number;
  }

  /** Nothing moves any more, `seconds` after stop number `stop`, `at` so many seconds since 1970. */
  interface Halted {
    type: "halted";
    stop: number;
    seconds: number;
    at: number;
  }

  /**
   * The first message on a link: what does not change while the world is there.
   *
   * `ages`: what the cameras saw grows old while nothing moves. `notice`: shown until the operator closes it.
   */
  interface Hello {
    type: "hello";
    world: string;
    mode: string;
    abilities: ("move" | "reset" | "undo" | "faster-than-real-time" | "calibrate" | "preview")[];
    ages: boolean;
    notice: string;
    policies: PolicyChoice[];
    tasks: Task[];
    conditions: string[];
    workspace: Box;
    views: View[];
    limits: SpeedLimits;
    dead_man_s: number;
  }

  /** What became of the jog with this `seq`: it was taken up, or another one in its place. */
  interface JogAcknowledged {
    type: "jog-ack";
    seq: number;
    applied: boolean;
    at: number;
  }

  /** A sample that the calibration was made from, with what is left of it; an outlier was left out. */
  interface JudgedSample {
    name: string;
    corners: number;
    pixels: number;
    mm: number;
    degrees: number;
    outlier: boolean;
  }

  /** An episode of the set, in short. */
  interface KeptEpisode {
    id: string;
    number: number;
    task: string;
    frames: number;
    seconds: number;
    bytes: number;
    outcome: string;
    source: string;
    keyframes: number;
    dropped: number;
  }

  /** What the samples still lack. */
  interface Lacks {
    sentence: string;
    next_move: string;
  }

  /** Who operates, as one page sees it. `seat`: this page's secret, with which it comes back after a lost link. */
  interface LeaseState {
    type: "lease";
    you: string;
    name: string;
    seat: string;
    mine: boolean;
    operator: Operator | null;
    requests: ControlRequest[];
    watchers: number;
  }

  /** Lines to be added to the log. */
  interface Log {
    type: "log";
    lines: LogLine[];
  }

  /** An event as a sentence; `time` in seconds since 1970. */
  interface LogLine {
    time: number;
    level: "info" | "good" | "warn" | "bad";
    text: string;
  }

  /** The preview of a motion: the tool's poses on the way, evenly spaced over `seconds`; none without a way. */
  interface MotionPreview {
    type: "motion-preview";
    poses: Pose[];
    seconds: number;
    clear: boolean;
    sentence: string;
  }

  /** The page that operates. */
  interface Operator {
    id: string;
    name: string;
  }

  /** The policies on offer now, where there is one more than hello told. */
  interface Policies {
    type: "policies";
    policies: PolicyChoice[];
  }

  /** A policy in the picker. One that cannot be had now has `missing`, the sentence that says why. */
  interface PolicyChoice {
    name: string;
    is_expert?: boolean;
    missing?: string;
  }

  /** The answer to a ping; `t` as the page sent it. */
  interface Pong {
    type: "pong";
    t: number | null;
  }

  /** Of the tool: world metres, and a rotation (x, y, z, w). */
  interface Pose {
    position: [number, number, number];
    quaternion: [number, number, number, number];
  }

  /** Where the gripper is while it moves. */
  interface PoseMoved {
    position: [number, number, number];
    quaternion: [number, number, number, number];
    opening: number;
    type: "pose";
  }

  /** The step that waits for approval. `own`: the operator has corrected it; `agreement`: of the views, pixels. */
  interface PredictedStep {
    step: string;
    source: string;
    own: boolean;
    keypoint: [number, number, number];
    agreement: number;
    keypoint_pixels: [number, number][];
    objects: FoundObject[];
    window: Box;
    action: Action;
  }

  /** A visitor's place in the queue for a world. */
  interface QueuePlace {
    type: "queue";
    place: number;
    of: number;
    sentence: string;
  }

  /** There is no recording, for a reason. */
  interface RecordingOff {
    type: "recording";
    state: "off";
    note: string;
    sentence: string;
  }

  /** How the recording goes, and the set: its folder, the bytes `free` on its disk, how many episodes. */
  interface RecordingOpen {
    type: "recording";
    state: "idle" | "recording" | "ended" | "saving";
    note: string;
    folder: string;
    free: number;
    episodes: number;
    last: KeptEpisode | null;
    unfinished: UnfinishedTake[];
    take: Take | null;
  }

  /** The set is being opened. */
  interface RecordingOpening {
    type: "recording";
    state: "opening";
    note: string;
  }

  /** Why a command had no effect. `logged`: the log says it too. */
  interface Refused {
    type: "refused";
    sentence: string;
    logged?: boolean;
  }

  /** How the replay of an episode goes. `leads`: the arm is being led through every frame. */
  interface Replay {
    episode: string;
    state: "running" | "waiting" | "success" | "missed" | "done" | "stopped" | "failed";
    sentence: string;
    leads: boolean;
  }

  /** An order for a retraining was carried out, or was not. */
  interface RetrainingAnswer {
    type: "retraining";
    order: "retrain-start" | "retrain-cancel" | "retrain-resume" | "retrain-use";
    done: boolean;
  }

  /** What could be undone, and how a replay goes. */
  interface ReviewState {
    type: "review";
    undo: string | null;
    replay: Replay | null;
  }

  /** A sample of a calibration. What is left of it once it was calibrated: pixels, millimetres, degrees. */
  interface Sample {
    name: string;
    corners: number;
  }

  /** The latest look: pictures `view0` to `view2` and `camera0` …, and the cloud: `positions`, `colors`. */
  interface SceneHeader {
    type: "scene";
    seq: number;
    cameras: string[];
    points: number;
    shown: number;
    low: [number, number, number];
    high: [number, number, number];
  }

  /** Of driving: metres and radians a second at full deflection, and the share of them while it is slow. */
  interface SpeedLimits {
    linear: number;
    angular: number;
    slow: number;
  }

  /** What takes its time while the world is being started. */
  interface Starting {
    type: "starting";
    sentence: string;
  }

  /**
   * The whole state as the page shows it; later ones replace earlier ones.
   *
   * `preconditions`: by verb, why not now, null if it is accepted. `texts`: what the planner has written, by round.
   * `seconds`: the latest wall time by stage.
   */
  interface Status {
    type: "status";
    seq: number;
    state: "starting" | "ready" | "planning" | "planned" | "predicting" | "awaiting approval" | "moving" | "driving" |
      "recovering" | "paused" | "done" | "failed" | "stopped";
    busy: boolean;
    hint: string;
    preconditions: Record<string, string | null>;
    instruction: string;
    examples: string[];
    task: string;
    seed: number;
    condition: string;
    policy: string;
    expert: boolean;
    speed: number;
    approve_each: boolean;
    undo: number;
    driving: boolean;
    detected_objects: string | null;
    plan: Step[];
    texts: Record<string, string>;
    steps_done: number;
    prediction: PredictedStep | null;
    verdict: Verdict | null;
    failure: Failure | null;
    arm_fault: Failure | null;
    camera_fault: Failure | null;
    correction: string | null;
    corrections: number;
    success: boolean | null;
    seconds: Record<string, number>;
    frames: CameraAge[];
    gripper: GripperPose | null;
  }

  /** A line of the checklist; sub-tasks count from 0. */
  interface Step {
    text: string;
    status: "done" | "current" | "todo" | "skipped";
    subtask: number;
    by: "policy" | "human";
  }

  /** Stop was heard; `id` as the page sent it. */
  interface StopAcknowledged {
    type: "stop-ack";
    id: number | null;
  }

  /**
   * The take that is open. `elapsed` since it began, None where that is not known; `seconds`: how long it plays.
   *
   * `rate`: frames per second of motion, `wanted_rate` as they should be. `tick_ms`: what recording took of a
   * control tick, the worst one beside it.
   */
  interface Take {
    task: string;
    operator: string;
    notes: string;
    ended: string;
    elapsed: number | null;
    seconds: number;
    frames: number;
    bytes: number;
    rate: number;
    wanted_rate: number;
    dropped: number;
    keyframes: number;
    marked: number;
    source: string;
    success: boolean | null;
    tick_ms: number;
    worst_tick_ms: number;
  }

  /** A task that the world offers. */
  interface Task {
    key: string;
    title: string;
    trained: boolean;
    variations: number;
  }

  /** A take that was neither kept nor discarded when its console ended. */
  interface UnfinishedTake {
    id: string;
    task: string;
    operator: string;
    frames: number;
    seconds: number;
    bytes: number;
  }

  /** What the safety checks say of the predicted step. */
  interface Verdict {
    decision: "allow" | "ask" | "refuse";
    sentence: string;
    checks: Check[];
  }

  /** How one orthographic view maps the workspace: axes and signs of column u, row v and depth. */
  interface View {
    name: string;
    eye: string;
    u_axis: number;
    u_sign: number;
    v_axis: number;
    v_sign: number;
    depth_axis: number;
    depth_sign: number;
  }

  /** The world's process has died; another hello comes with the next one. */
  interface WorldLost {
    type: "world-lost";
    sentence: string;
  }

  /** Everything that a page may send. */
  type PageMessage =
    | Open
    | Stop
    | Ping
    | Seen
    | LeaseAction
    | Rename
    | RetrainStart
    | RetrainCancel
    | RetrainResume
    | RetrainUse
    | EpisodeCommand
    | Plan
    | EditPlan
    | Keypoint
    | Target
    | ChoosePolicy
    | Speed
    | ApproveEach
    | Reset
    | Drive
    | Jog
    | JogTarget
    | RecordBegin
    | RecordMark
    | RecordEnd
    | RecordResume
    | RecordCommit
    | RecordDiscard
    | DemoLabel
    | DemoKeyframes
    | DemoStep
    | DemoTrim
    | DemoSplit
    | DemoDelete
    | DemoRestore
    | DemoEmptyTrash
    | DemoUndo
    | DemoCopySample
    | DemoReplay
    | CalibrateLook
    | CalibrateSample
    | CalibrateRemove
    | CalibrateClear
    | CalibrateSolve
    | CalibrateSave;

  /** How the recording goes, told apart by `state`. */
  type RecordingState =
    | RecordingOff
    | RecordingOpening
    | RecordingOpen;

  /** Everything that the console sends as text. */
  type ConsoleMessage =
    | Hello
    | Policies
    | Starting
    | WorldLost
    | Status
    | PoseMoved
    | MotionPreview
    | Log
    | Refused
    | StopAcknowledged
    | Halted
    | Pong
    | JogAcknowledged
    | RetrainingAnswer
    | LeaseState
    | QueuePlace
    | RecordingOff
    | RecordingOpening
    | RecordingOpen
    | EditDone
    | ReviewState
    | CalibrationState;

  /** The headers of what the console sends as bytes. */
  type BinaryHeader =
    | SceneHeader
    | FineHeader
    | BoardSeen
    | BoardUnseen;
}

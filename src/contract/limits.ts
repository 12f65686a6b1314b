/**
 * Every bound of the service, in one place, each with its reason.
 * Names carry their unit. Nothing that can grow is without one of these.
 */
const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const limits = {
  /** A request body: room for a long prompt, far below what would hurt the API's memory. */
  bodyBytesMax: MIB,
  /** One shell line or one argument; Linux itself stops at 128 KiB an argument, which then ends as spawn_failed. */
  commandCharactersMax: 64 * KIB,
  /** Arguments of one command. */
  argumentsMax: 1024,
  /** Variables (and, apart from them, secrets) of one job. */
  variablesMax: 64,
  /** The value of one variable or secret. */
  variableCharactersMax: 8 * KIB,
  /** All secrets of one job: each byte of output is compared with them. */
  secretsBytesMax: 64 * KIB,
  /** Text given to a command's standard input at submit. */
  stdinBytesMax: 512 * KIB,
  /** Messages of one prompt. */
  messagesMax: 1000,
  /** Texts and images of one message. */
  messagePartsMax: 256,
  /** Tools of one prompt; providers take about as many. */
  toolsMax: 128,
  /** As the provider that takes the fewest. */
  stopSequencesMax: 4,
  fallbacksMax: 8,
  /** Tokens that an answer without a bound is thought to take, where a budget must bear it. */
  outputTokensAssumed: 16_384,
  /** An answer shorter than this is not worth asking for. */
  outputTokensLeast: 256,
  /** The most an image takes, at any provider. */
  imageTokensAssumed: 2000,
  /** A schema is compiled, here and by the provider. */
  outputSchemaCharactersMax: 64 * KIB,
  /** Text of one prompt message: the body's own limit is the real one. */
  promptCharactersMax: MIB,
  /** How deep JSON may be nested: what follows is read by programs that recurse. */
  jsonDepthMax: 64,
  /** The answer of a model, in characters: beyond what any model says at once, and small enough to repeat at the end. */
  answerLengthMax: MIB,
  /** Tags of a job, and the length of one. */
  tagsMax: 32,
  tagLengthMax: 128,
  /** A terminal larger than this is a mistake, and costs memory in every viewer. */
  columnsMax: 1000,
  rowsMax: 500,
  /** Bytes that wait for a running program to read them; beyond it the sender hears 429. */
  inputQueueBytesMax: 64 * KIB,
  /** Keys of one message: a long line, typed. Each is at most as long as a name with three modifiers. */
  inputKeysMax: 1024,
  inputKeyCharactersMax: 32,
  /** Messages of any kind that wait in the inbox of a job. */
  inboxMessagesMax: 1024,
  /** Message ids a job remembers, so that a repeated message is harmless. */
  inputMessagesRemembered: 256,
  /** One WebSocket message from a client: the largest input, base64 in JSON, with room to spare. */
  webSocketMessageBytesMax: 256 * KIB,
  /** Messages of one WebSocket that wait to be carried out; beyond it the socket is not read. */
  webSocketMessagesWaiting: 64,
  /** Jobs one WebSocket may follow at once. */
  webSocketSubscriptionsMax: 1000,
  /** A run, whatever its own `timeoutMs` says. */
  runMsMax: DAY_MS,
  /** Time in the queue, delay included, and the longest delay. */
  ttlMsMax: 30 * DAY_MS,
  delayMsMax: 30 * DAY_MS,
  attemptsMax: 20,
  /** Attempts lost with their worker, started or not, before a job is given up, so that one which kills workers ends. */
  lostAttemptsMax: 3,
  /** The wait before a counted retry: long enough for a hiccup to pass, short enough for a person to wait. */
  retryMsMin: SECOND_MS,
  retryMsMax: MINUTE_MS,
  /** The wait after a rate limit without a hint, and how many of them before the job is given up (half a day). */
  parkMsMin: 5 * SECOND_MS,
  parkMsMax: 5 * MINUTE_MS,
  parksMax: 300,
  /** The longest wait a provider may ask for; beyond it we ask again. */
  retryHintMsMax: DAY_MS,
  /** How long an Idempotency-Key is remembered. */
  /** A call of a model whose worker is silent for longer no longer counts as running. */
  permitLeaseMs: 30 * SECOND_MS,
  permitKeepMs: 5 * SECOND_MS,
  /** Jobs that wait for one provider come back one after the other, so far apart. */
  permitPaceMs: 100,
  /** As many failures in a row as open the breaker of a provider, and how long it stays open. */
  breakerFailuresMax: 5,
  breakerOpenMsMin: 5 * SECOND_MS,
  breakerOpenMsMax: MINUTE_MS,
  usageKeptMs: 90 * DAY_MS,
  /** How often providers are asked which models they have, and for how long their answer is waited for. */
  modelsAskedMs: 5 * MINUTE_MS,
  modelsAnswerMs: 15 * SECOND_MS,
  /** Of one provider. */
  modelsListedMax: 500,
  /** Of a budget. */
  dollarsMax: 1_000_000,
  idempotencyKeptMs: DAY_MS,
  /** Long polls end before the idle timeouts of common proxies (60 s). */
  waitSecondsMax: 60,
  /** Rows of one page of a list, and events of one page of a log. */
  pageItemsMax: 200,
  pageEventsMax: 1000,
  /** Events read from Redis at once, and jobs shown on one page of a list, in bytes: far below what hurts a process with many readers. */
  pageBytesMax: 512 * KIB,
  listBytesMax: 4 * MIB,
  /** Pages of logs that one API process reads at the same time. */
  pagesAtOnceMax: 8,
  /** Jobs that wait at once; beyond it a submit is answered 429. */
  queuedJobsMax: 100_000,
  /** A submit takes less from putting its job on the list to creating it; what is there for longer never came to be. */
  announcedMs: MINUTE_MS,
  /** Output of one job that is kept in events; more is counted, not kept. */
  outputBytesMax: 256 * MIB,
  /** A job's log: an unbroken tail of at most this many events, and of `LLMMIXER_KEEP_BYTES`. */
  logEventsMax: 20_000,
  logBytesDefault: 8 * MIB,
  /** One event, and how long or how much output is gathered before it is sent. */
  eventBytesMax: 64 * KIB,
  coalesceMs: 16,
  coalesceBytes: 32 * KIB,
  /** One event of a provider's stream, and the tool calls of one answer: a whole document fits, a runaway does not. */
  providerEventCharactersMax: 4 * MIB,
  toolCallsMax: 256,
  toolCallCharactersMax: 4 * MIB,
  /** What is read of a provider's error body, and what of it reaches the detail of a problem. */
  providerErrorBytesMax: 64 * KIB,
  providerDetailCharactersMax: 500,
  /** Unsent output at which the source is paused, and at which it goes on. */
  unsentBytesPause: MIB,
  unsentBytesResume: 256 * KIB,
  /** A line of output for people; a longer one goes on in the next. */
  plainLineCharactersMax: 64 * KIB,
  /** How long what may begin a secret is held back: less than a person notices, more than lies within one write. */
  redactionHoldMs: 50,
  /** Lines of a terminal that have scrolled off and are kept for who joins late: a few pages to look back. */
  screenScrollback: 200,
  /** Output between two stored screens, as weight of its events: less than half of what a log keeps at least. */
  screenEveryBytes: 384 * KIB,
  /** One stored screen: one of 200 columns, with the scrollback and colours, fits; a larger goes without scrollback. */
  screenCharactersMax: 256 * KIB,
  /** Text that waits to be drawn for one terminal, at which its source is paused, and at which it goes on. */
  screenUndrawnPause: MIB,
  screenUndrawnResume: 256 * KIB,
  /** Memory for what lives shortly in the thread that draws. */
  screenYoungMb: 8,
  /** Answers of a terminal that wait for a program which asks and does not read. */
  screenAnswersWaiting: 64,
  /** Screens that one API process draws at the same time; the others wait. */
  screensAtOnceMax: 2,
  /** How long one drawing moves lines about; honest programs need some milliseconds of it. */
  screenMoveMsMax: 3 * SECOND_MS,
  /** Screens that were drawn and are kept by one API process until the job says more: a few MiB. */
  screensKept: 8,
  /** Acknowledged batches kept for a Redis that comes back with an older log. */
  resendRingBytesMax: 4 * MIB,
  /** AOF `everysec` loses at most about 2 s; 5 s of later acknowledgements is safe. */
  resendRingMs: 5 * SECOND_MS,
  /** The worker's right to a job: extended by every append and every 3 s. */
  leaseMs: 12 * SECOND_MS,
  leaseRenewMs: 3 * SECOND_MS,
  /** Notice a living owner gets before another worker takes its job. */
  takeoverNoticeMs: 2 * SECOND_MS,
  /** Live frames a joining subscriber may hold while it reads history. */
  joinBufferBytesMax: 256 * KIB,
  /** What a slow reader may have unsent, and how long it may make no progress. */
  subscriberBytesMax: MIB,
  /** What a reader in the history has not taken when the next page is read for it: nearly nothing, so that one that stalls holds one page. */
  subscriberReadAheadBytes: 128 * KIB,
  subscriberStallMs: 30 * SECOND_MS,
  /** A Redis subscription outlives its last reader by this, so that reconnects are cheap. */
  hubLingerMs: 10 * SECOND_MS,
  /** A quiet job's position is compared with the log this often. */
  hubCheckMs: 4 * SECOND_MS,
  /** Positions asked for at once, so that thousands of quiet jobs hold up nobody's command. */
  hubChecksAtOnce: 100,
  /** A sign of life on every stream, and how long one may outlive the browser session it rests on. */
  heartbeatMs: 15 * SECOND_MS,
  /** A follower's wait (by SSE or WebSocket) before it connects again, and the longest wait of a server it honours. */
  followRetryMsMin: 200,
  followRetryMsMax: 5 * SECOND_MS,
  followRetryAfterMsMax: MINUTE_MS,
  /** Readers of a process that stops come back one by one: this much time for each, and at most for all. */
  drainSpreadMsEach: 2,
  drainSpreadMsMax: 5 * SECOND_MS,
  /** Three heartbeats missed: the connection is dead, whatever the system says. */
  followSilenceMs: 45 * SECOND_MS,
  /** One frame a follower takes: the largest job resource in JSON, with room to spare. */
  followFrameCharactersMax: 8 * MIB,
  /** Times a follower meets nonsense at the same place before it gives up. */
  followNonsenseMax: 5,
  /** A WebSocket that was silent for so long is asked whether it lives, and has so long to answer. */
  liveSilenceMs: 15 * SECOND_MS,
  liveAnswerMs: 10 * SECOND_MS,
  /** What a page holds for jobs until the service has it: some minutes of typing, or a large paste. */
  liveHeldMessagesMax: 1024,
  liveHeldCharactersMax: 512 * KIB,
  /** Typing that waits is sent as one message of at most this much: whatever the characters are, it fits. */
  liveInputCharactersMax: 16 * KIB,
  /** Entries of the feed that rings for lists. */
  feedEntriesMax: 10_000,
  /** Rings read for one who catches up, at once, and those held meanwhile: some 100 KiB. */
  feedRingsAtOnce: 500,
  /** A worker unseen for this long is not counted. */
  workerSeenMs: 30 * SECOND_MS,
  workerHeartbeatMs: 5 * SECOND_MS,
  /** One sweep: how often, under which lease, how many jobs a round. */
  sweepEveryMs: 30 * SECOND_MS,
  sweepLeaseMs: 60 * SECOND_MS,
  sweepBatch: 500,
  /** The oldest jobs of the list that a sweep looks at, to forget those that have expired. */
  sweepForgetMax: 1000,
  /** One job, unless it or the configuration says less: room for a large build, and an end for what runs away. */
  jobFileBytesDefault: 8 * 1024 * MIB,
  jobCpuSecondsDefault: 24 * 3600,
  jobProcessesMax: 1_000_000,
  jobOpenFilesMax: 1_048_576,
  jobBytesMax: 2 ** 50,
  jobCpuSecondsMax: 365 * 24 * 3600,
  /** Less memory than this starts no program. */
  jobMemoryBytesMin: 8 * MIB,
  /** Files of one submit, which share its body; and what is sent of or to one workspace file: a build, a video. */
  filesMax: 64,
  fileBytesMax: 64 * MIB,
  filePathCharactersMax: 1024,
  /** Files shown of one workspace, the length of their paths in all, and how deep they may lie: one answer of JSON. */
  fileEntriesMax: 5000,
  fileListCharactersMax: MIB,
  fileDepthMax: 64,
  /** Files on their way through one API process. */
  fileTransfersMax: 8,
  /** Of each a few frames wait in Redis, 2 MiB in all; where nothing moves for so long the other side is gone. */
  exchangeFrameBytes: 256 * KIB,
  exchangeFramesWaiting: 8,
  exchangeSilenceMs: 30 * SECOND_MS,
  /** Frames stay longer than that, or who sends them would take the expired for the fetched and go on. */
  exchangeKeptMs: 60 * SECOND_MS,
  /** A workspace stays this long after its job by default, and at most; how often old ones are looked for. */
  workspaceHoursDefault: 24,
  workspaceHoursMax: 24 * 365,
  workspaceSweepMs: 5 * MINUTE_MS,
  /** Removing one may take so long at a time: millions of files, or a program that goes on making them. */
  workspaceRemovalMs: MINUTE_MS,
  /** Further paths that one job may ask to see. */
  readOnlyPathsMax: 16,
  /** Bringing bubblewrap: a start does not wait longer for a better sandbox. */
  sandboxFetchMsMax: 30 * SECOND_MS,
  /** Each of the temporary folders of a sandbox, which are kept in memory. */
  sandboxTemporaryBytes: 1024 * MIB,
  /** What the next command needs is made ahead when none has begun for so long after a start, or after an end. */
  sparesAfterStartMs: 200,
  sparesAfterEndMs: 5,
  /** What holds a user, and was made so lately, may not answer yet. */
  claimYoungMs: 2 * SECOND_MS,
  /** A user for the next command is kept only where there are as many. */
  jobUsersToSpare: 256,
  /** A sandbox whose command has ended is given so long to end by itself before its processes are looked for. */
  namespaceEndMs: 50,
  /** One try of a launch chain at the start. */
  sandboxProbeMs: 20 * SECOND_MS,
  /** Steps of a stop: interrupt, hang up (a terminal), terminate, kill. The second falls into the first's grace. */
  hangUpAfterMs: SECOND_MS,
  interruptGraceMs: 3 * SECOND_MS,
  terminateGraceMs: 5 * SECOND_MS,
  /** What a command leaves behind when it ends by itself: time after SIGTERM, then kills until this gives up. */
  leftoverGraceMs: 300,
  killGiveUpMs: 5 * SECOND_MS,
  /** When nothing of a command is left, its end is reported within this, or by who reports it being killed. */
  reportOfEndMs: SECOND_MS,
  /** What has outlived kills for this long ends with its pid namespace. */
  killGuardAfterMs: 300,
  /** A command's output that nobody has taken: reading stops, and goes on. One more read of 64 KiB may come. */
  commandHeldBytesPause: 896 * KIB,
  commandHeldBytesResume: 256 * KIB,
  /** A chunk of output that takes longer to go through lets others go on before the next. */
  outputTurnMs: 5,
  /** What one chunk costs beside its bytes, so that byte-wise output cannot fill the memory. */
  chunkOverheadBytes: 256,
  /** A program that does not read its input is tried again in steps that double between these. */
  inputRetryMsMin: 1,
  inputRetryMsMax: 50,
  /** The process that tries out which terminals this machine has. */
  terminalProbeMs: 10 * SECOND_MS,
  /** The one-time link, and the browser session made from it. */
  loginLinkMs: 15 * MINUTE_MS,
  sessionMs: 30 * DAY_MS,
  /** A key that is pasted to begin a session: what a header could carry as well. */
  apiKeyCharactersMax: 8 * KIB,
  /** Files of the page whose name changes with their content: a browser need never ask for them again. */
  assetKeptMs: 365 * DAY_MS,
  /** Linux and macOS take socket paths of 107 and 103 bytes; longer ones move to the temporary folder. */
  socketPathBytesMax: 103,
  /** A connection to Redis that is owed an answer for this long is dead: made anew, it can still renew a lease in time. */
  redisDeadMs: 8 * SECOND_MS,
  /** The same where Redis was asked to wait, which it does for 10 s at most. */
  redisBlockedDeadMs: 20 * SECOND_MS,
  /** How often a connection to Redis that only listens asks for a sign of life. */
  redisProofMs: 4 * SECOND_MS,
  /** A Redis that says nothing at all for this long hangs. One that says LOADING may take its time. */
  redisSilentMsMax: 30 * SECOND_MS,
  /** A configured Redis that has not answered for this long at the start is told about, and the start ends. */
  redisAnswerMsMax: 10 * SECOND_MS,
  /** Its last write to disk takes this long at most, then it is killed: its log on disk is whole anyway. */
  redisStopMsMax: 10 * SECOND_MS,
  /** The private Redis' own log is begun anew at this size. */
  redisLogBytesMax: MIB,
  /** Bringing a Redis: seven megabytes and the package lists before them. */
  packageFetchMsMax: 3 * MINUTE_MS,
  /** A process that died is started again after the first of these, doubled up to the second; a life of the third forgets. */
  restartMsMin: 250,
  restartMsMax: 5 * SECOND_MS,
  restartForgetMs: 30 * SECOND_MS,
  /** A key that is reachable from other machines must withstand guessing. */
  publicApiKeyLengthMin: 32,
  /** Worker processes under one `up`, and jobs at once in one: beyond these a value is a slip of the keyboard. */
  workersMax: 64,
  concurrencyMax: 1000,
  retentionDaysMax: 3650,
  /** Room for a few dozen of the largest events, and what fits in any Redis. */
  keepBytesMin: MIB,
  keepBytesMax: 1024 * MIB,
  /** Jobs may take this long to finish when the service stops: by default, and at most. */
  drainMsDefault: 10 * SECOND_MS,
  drainMsMax: HOUR_MS,
  /** A file with a secret or with the providers. */
  configFileBytesMax: MIB,
  /** Beyond the drain, before a stopping process is killed: the graces of ending its programs, and closing. */
  stopGraceMs: 15 * SECOND_MS,
  /** Starts of a process that has never been ready, before `up` gives up rather than try for ever. */
  unreadyStartsMax: 3,
  /** Requests: headers and body must arrive, and sockets must move, within these. */
  requestMsMax: 30 * SECOND_MS,
  connectionMsMax: 2 * MINUTE_MS,
} as const;

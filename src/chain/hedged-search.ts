import {
  askAsLastResort,
  type Asked,
  askOne,
  conclude,
  discard,
  finalOf,
  isSkipped,
  nobody,
  type Question,
  type Result,
  upToTombstone,
} from './search.ts'
import type { Backend } from '../storage/backend.ts'

interface Runner<T> extends Asked<T> {
  started: number
  stop: AbortController
  done: Promise<unknown>
}

/**
 * As `ask`, but a backend that is silent for its `hedgeMs` gets company: the next one is asked as well.
 * The first answer wins, the earlier backend on a tie; whoever is still silent then is cancelled and traced as a timeout.
 */
export async function askHedged<T>(question: Question<T>): Promise<T | null> {
  const waiting = question.members.backends.filter((backend) => backend.accepts?.(question.name) !== false)
  const runners: Runner<T>[] = []
  let decided: Result<T> | undefined
  try {
    while (waiting.length > 0 || upToTombstone(runners).some((runner) => !runner.settled)) {
      const next = waiting.shift()
      if (next) runners.push(start(question, next))
      await quietOrSettled(runners, waiting.length > 0)
      if (upToTombstone(runners).at(-1)?.settled?.result.kind === 'deleted') waiting.length = 0
      decided = finalOf(runners)
      if (decided) return conclude(decided)
    }
    for (const runner of upToTombstone(runners)) {
      if (!runner.settled || !isSkipped(runner.settled.result)) continue
      runner.settled = await askAsLastResort(question, runner.backend)
      decided = finalOf(runners)
      if (decided) return conclude(decided)
    }
    return nobody(question.name, upToTombstone(runners))
  } finally {
    for (const runner of runners) abandon(question, runner, decided)
  }
}

function start<T>(question: Question<T>, backend: Backend): Runner<T> {
  const stop = new AbortController()
  const { signal } = question.options
  const options = {
    ...question.options,
    signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
  }
  const runner: Runner<T> = { backend, started: performance.now(), stop, done: Promise.resolve() }
  runner.done = askOne({ ...question, options }, backend).then((settled) => (runner.settled = settled))
  return runner
}

/** Waits until the latest runner was silent for its `hedgeMs`, or until any runner settles that had not. */
async function quietOrSettled<T>(runners: readonly Runner<T>[], othersWait: boolean): Promise<void> {
  const latest = runners.at(-1)
  const open = runners.filter((runner) => !runner.settled)
  if (!latest || open.length === 0) return
  const hedgeMs = othersWait ? latest.backend.hedgeMs : undefined
  if (hedgeMs === undefined) {
    // With nobody left to call in, the search goes on when one of the silent settles.
    await Promise.race(open.map((runner) => runner.done))
    return
  }
  const quiet = Promise.withResolvers<void>()
  const timer = setTimeout(quiet.resolve, hedgeMs)
  await Promise.race([...open.map((runner) => runner.done), quiet.promise])
  clearTimeout(timer)
}

/** Traces the runner; one that is still silent is cancelled. What it answered, or may yet answer, is discarded unless it won. */
function abandon<T>({ options }: Question<T>, runner: Runner<T>, decided: Result<T> | undefined): void {
  const discardAnswer = async (): Promise<void> => {
    const result = runner.settled?.result
    if (result?.kind === 'answer' && result !== decided) await discard(result.value)
  }
  if (runner.settled) {
    options.trace?.push(runner.settled.attempt)
    void Promise.allSettled([discardAnswer()])
    return
  }
  const duration = performance.now() - runner.started
  const detail = `silent for ${Math.round(duration)} ms, another backend answered first`
  options.trace?.push({ backend: runner.backend.name, outcome: 'timeout', duration, detail })
  runner.stop.abort()
  // Nobody is left to be told whether letting go of it worked.
  void Promise.allSettled([runner.done.then(discardAnswer)])
}

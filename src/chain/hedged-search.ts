import type { Backend } from '../storage/backend.ts'
import { accepts } from './placement.ts'
import {
  conclude,
  discard,
  finalResult,
  lastResort,
  type Result,
  type Search,
  type Try,
  tryBackend,
  upToTombstone,
} from './search.ts'

interface Runner<T> extends Try<T> {
  started: number
  stop: AbortController
  done: Promise<unknown>
}

/**
 * Like `search`, but if a backend is silent for its `hedgeMs`, the next one is tried as well. The first result wins, or the
 * earlier backend's if there are two; backends that are still silent are cancelled and traced as a timeout.
 */
export async function searchHedged<T>(query: Search<T>): Promise<T | null> {
  const waiting = query.members.backends.filter((backend) => accepts(backend, query.name))
  const runners: Runner<T>[] = []
  let final: Result<T> | undefined
  try {
    while (waiting.length > 0 || upToTombstone(runners).some(({ result }) => !result)) {
      const next = waiting.shift()
      if (next) runners.push(start(query, next))
      await silentOrSettled(runners, waiting.length > 0 ? query.members.hedgeMs : undefined)
      if (upToTombstone(runners).at(-1)?.result?.kind === 'deleted') waiting.length = 0
      final = finalResult(runners)
      if (final) return conclude(final)
    }
    const answer = await lastResort(query, runners)
    final = finalResult(runners)
    return answer
  } finally {
    for (const runner of runners) end(query, runner, final)
  }
}

function start<T>(query: Search<T>, backend: Backend): Runner<T> {
  const stop = new AbortController()
  const { signal } = query.options
  const options = { ...query.options, signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal }
  const runner: Runner<T> = { backend, started: performance.now(), stop, done: Promise.resolve() }
  runner.done = tryBackend({ ...query, options }, backend).then((tried) => Object.assign(runner, tried))
  return runner
}

/** Waits until another runner settles, or until the latest one has been silent for its `hedgeMs`. */
async function silentOrSettled<T>(
  runners: readonly Runner<T>[],
  hedgeMs: Readonly<Record<string, number>> | undefined,
): Promise<void> {
  const latest = runners.at(-1)
  const open = runners.filter(({ result }) => !result)
  if (!latest || open.length === 0) return
  const settled = Promise.race(open.map(({ done }) => done))
  const patience = hedgeMs?.[latest.backend.name]
  if (patience === undefined) return void (await settled)
  const silent = Promise.withResolvers<void>()
  const timer = setTimeout(silent.resolve, patience)
  await Promise.race([settled, silent.promise])
  clearTimeout(timer)
}

/** Traces the runner, cancels it if it is still silent and, unless it won, discards its current or later result. */
function end<T>({ options }: Search<T>, runner: Runner<T>, final: Result<T> | undefined): void {
  const discardAnswer = async (): Promise<void> => {
    const { result } = runner
    if (result?.kind === 'answer' && result !== final) await discard(result.value)
  }
  if (runner.attempt) {
    options.trace?.push(runner.attempt)
    void Promise.allSettled([discardAnswer()])
    return
  }
  const duration = performance.now() - runner.started
  const detail = `silent for ${Math.round(duration)} ms, another backend answered first`
  options.trace?.push({ backend: runner.backend.name, outcome: 'timeout', duration, detail })
  runner.stop.abort()
  // The search is over, so a body that cannot be cancelled does not matter.
  void Promise.allSettled([runner.done.then(discardAnswer)])
}

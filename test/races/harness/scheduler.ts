import type { Gate } from './store.ts'

export interface Task<Result> {
  name: string
  run(gate: Gate): Promise<Result>
}

/** When an operation began and was acknowledged, on a clock that advances with each of these. */
export interface Ran<Result> {
  name: string
  began: number
  ended: number
  result: Result
}

interface Running<Result> {
  task: Task<Result>
  held: { call: string; release: () => void }[]
  began?: number
  ran?: Ran<Result>
  wake: () => void
}

/**
 * Runs tasks concurrently, one step at a time: every storage call waits until it is picked, and then takes effect before
 * anything else proceeds. `trace` gets the steps in order.
 */
export async function schedule<Result>(
  tasks: readonly Task<Result>[],
  pick: (choices: number) => number,
  trace: string[],
): Promise<Ran<Result>[]> {
  let clock = 0
  const running = tasks.map((task): Running<Result> => ({ task, held: [], wake: () => {} }))

  const start = (one: Running<Result>): void => {
    one.began = clock++
    const gate: Gate = (call) =>
      new Promise((resolve) => {
        one.held.push({ call, release: resolve })
        one.wake()
      })
    void one.task.run(gate).then((result) => {
      trace.push(`${one.task.name}: ends`)
      one.ran = { name: one.task.name, began: one.began ?? 0, ended: clock++, result }
      one.wake()
    })
  }
  const step = (one: Running<Result>): void => {
    const [next] = one.held.splice(pick(one.held.length), 1)
    trace.push(`${one.task.name}: ${next?.call ?? 'begins'}`)
    if (next) next.release()
    else start(one)
  }

  for (;;) {
    const open = running.filter(({ ran }) => !ran)
    const one = open[pick(open.length)]
    if (!one) return running.flatMap(({ ran }) => ran ?? [])
    const moved = new Promise<void>((resolve) => {
      one.wake = resolve
    })
    step(one)
    // A task with several active calls may need another of them before it proceeds.
    await (one.held.length > 0 ? scheduler.wait(0) : moved)
  }
}

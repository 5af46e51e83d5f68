import { inObject } from '../jobs/jobs.ts'

/** Rows that Durable Objects have written since `begin`, as Cloudflare bills them. */
export interface Meter {
  begin(): void
  rowsWritten(): number
  restore(): void
}

type Call = (...args: unknown[]) => unknown

/** Counts the rows that all Durable Objects in this isolate write, with values and alarms, each of which is billed as one. */
export async function meterRows(): Promise<Meter> {
  let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
  let others = 0
  const restores = await inObject(async ({ storage }) => {
    const spy = (object: object, method: string, seen: (result: unknown) => void): (() => void) => {
      const prototype = Object.getPrototypeOf(object) as Record<string, Call>
      const original = prototype[method] as Call
      prototype[method] = function (this: unknown, ...args) {
        const result = original.apply(this, args)
        seen(result)
        return result
      }
      return () => void (prototype[method] = original)
    }
    return [
      spy(storage.sql, 'exec', (cursor) => void cursors.push(cursor as (typeof cursors)[number])),
      spy(storage.kv, 'put', () => void others++),
      spy(storage, 'setAlarm', () => void others++),
    ]
  })
  return {
    begin() {
      cursors = []
      others = 0
    },
    // A cursor knows it once its rows are read.
    rowsWritten: () => cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, others),
    restore: () => restores.forEach((restore) => restore()),
  }
}

/** The object, whose calls are counted. */
export function countingCalls<T extends object>(target: T): { counted: T; calls: () => number } {
  let calls = 0
  const counted = new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        calls++
        return Reflect.apply(value, object, args) as unknown
      }
    },
  })
  return { counted, calls: () => calls }
}

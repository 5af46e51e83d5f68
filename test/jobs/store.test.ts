import { env } from 'cloudflare:workers'
import { runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { createStore, SCHEMA } from '../../src/jobs/backfill/store.ts'

const PAGES = 500
const SENT = 20

test('what is looked up for every page reads the index, not all pages with their names', async () => {
  const id = env.BACKFILL_JOBS.newUniqueId()
  await runInDurableObject(env.BACKFILL_JOBS.get(id), (_, { storage }) => {
    storage.sql.exec(SCHEMA)
    const queries = new Map<string, unknown[]>()
    const sql = {
      exec(query: string, ...values: unknown[]) {
        queries.set(query, values)
        return storage.sql.exec(query, ...values)
      },
    } as SqlStorage
    const store = createStore({ sql })
    for (let page = 0; page < PAGES; page++) store.addPage({ source: 'old', names: [[`${page}.jpg`, 1]] })
    store.takeWaiting(SENT, 1)
    store.begin(1, 2)
    queries.clear()

    expect(store.pagesBegun(2)).toBe(1)
    expect(store.pagesInFlight()).toBe(SENT)
    expect(store.nextDue()).toBe(0)
    expect(store.takeWaiting(1, 3)).toMatchObject([{ page: SENT + 1 }])
    expect(store.putBackUnreported(1, false)).toEqual([])

    expect(queries.size).toBeGreaterThan(4)
    for (const [query, values] of queries) {
      const plan = storage.sql.exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...values).toArray()
      expect(plan.map(({ detail }) => detail).filter((detail) => detail.startsWith('SCAN'))).toEqual([])
    }
  })
})

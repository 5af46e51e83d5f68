import type { hc, InferResponseType } from 'hono/client'
import { expectTypeOf, it } from 'vitest'
import type * as answers from '../../src/client/answers.ts'
import type * as jobs from '../../src/client/job-answers.ts'
import type { ApiRoutes } from '../../src/routes/api/api.ts'

/** As Hono's own client sees the routes. The exported client states the same types without the Worker's code under them. */
type Api = ReturnType<typeof hc<ApiRoutes>>['api']

/** Hono adds undefined to what may be left out; JSON has none. */
type Sent<T> = T extends readonly (infer Entry)[]
  ? Sent<Entry>[]
  : T extends object
    ? { [Key in keyof T]: Sent<Exclude<T[Key], undefined>> }
    : T
type Answer<Route> = Sent<InferResponseType<Route, 200>>

it('the client’s types are the ones of the routes', () => {
  expectTypeOf<Answer<Api['backends']['$get']>>().toExtend<answers.Backends>()
  expectTypeOf<Answer<Api['explain'][':name{[^]*}']['$get']>>().toExtend<answers.Explanation>()
  expectTypeOf<Answer<Api['list']['$get']>>().toExtend<answers.ListPage>()
  expectTypeOf<Answer<Api['listdir']['$get']>>().toExtend<answers.ListdirPage>()
  expectTypeOf<Answer<Api['tombstones']['$get']>>().toExtend<answers.TombstonePage>()
  expectTypeOf<Answer<Api['tombstones']['purge']['$post']>>().toExtend<answers.PurgePage>()
  expectTypeOf<Answer<Api['undelete'][':name{[^]*}']['$post']>>().toExtend<answers.Undeleted>()
})

it('so are the ones of jobs', () => {
  type Backfills = Answer<Api['backfills']['$get']>
  type Verifications = Answer<Api['verifications']['$get']>
  expectTypeOf<Backfills>().toExtend<{ backfills: jobs.Backfill[] }>()
  expectTypeOf<Verifications>().toExtend<{ verifications: jobs.Verification[] }>()
  expectTypeOf<Answer<Api['backfills'][':id']['$get']>>().toExtend<jobs.Backfill>()
  expectTypeOf<Answer<Api['verifications'][':id']['$get']>>().toExtend<jobs.Verification>()
  type Failures = Answer<Api['backfills'][':id']['failures']['$get']>
  type Differences = Answer<Api['verifications'][':id']['differences']['$get']>
  expectTypeOf<Failures>().toExtend<jobs.FailurePage>()
  expectTypeOf<Differences>().toExtend<jobs.DifferencePage>()
})

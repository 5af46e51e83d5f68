import {
  backfillBody,
  differencesQuery,
  failuresQuery,
  manifestQuery,
  verificationBody,
} from '../../src/routes/jobs/schemas.ts'
import * as jobs from './job-answers.ts'
import type { Operation } from './operation.ts'

const backfill = { description: 'The job.', schema: jobs.backfill }
const verification = { description: 'The job.', schema: jobs.verification }

const backfills: readonly Operation[] = [
  {
    method: 'post',
    path: '/-/api/backfills',
    id: 'startBackfill',
    tag: 'Backfills',
    summary: 'Starts to migrate everything that nobody has asked for yet',
    protected: true,
    query: manifestQuery,
    body: {
      schema: backfillBody,
      types: ['text/plain', 'application/x-ndjson'],
      required: false,
      description: 'What to migrate; or a manifest of names, one a line, and the rest in the query.',
    },
    answers: { 202: { ...backfill, headers: ['Location'] } },
    problems: [400, 501],
  },
  {
    method: 'get',
    path: '/-/api/backfills',
    id: 'listBackfills',
    tag: 'Backfills',
    summary: 'The latest jobs, newest first',
    protected: true,
    answers: { 200: { description: 'The jobs.', schema: jobs.backfills } },
    problems: [501],
  },
  {
    method: 'get',
    path: '/-/api/backfills/{id}',
    id: 'getBackfill',
    tag: 'Backfills',
    summary: 'One job',
    protected: true,
    answers: { 200: backfill },
    problems: [404, 501],
  },
  ...(['pause', 'resume', 'cancel', 'retry_failed'] as const).map(control),
  {
    method: 'get',
    path: '/-/api/backfills/{id}/failures',
    id: 'listBackfillFailures',
    tag: 'Backfills',
    summary: 'What could not be copied, and why',
    protected: true,
    query: failuresQuery,
    answers: { 200: { description: 'One page.', schema: jobs.failures } },
    problems: [400, 404, 501],
  },
]

const deadCopies: Operation = {
  method: 'get',
  path: '/-/api/dead_copies',
  id: 'listDeadCopies',
  tag: 'Backfills',
  summary: 'Copies that reads asked for and that were given up, and why; the latest 1000, newest first',
  protected: true,
  answers: { 200: { description: 'The copies.', schema: jobs.deadCopies } },
  problems: [501],
}

const verifications: readonly Operation[] = [
  {
    method: 'post',
    path: '/-/api/verifications',
    id: 'startVerification',
    tag: 'Verifications',
    summary: 'Starts to compare every object on both sides',
    protected: true,
    body: { schema: verificationBody, required: false },
    answers: { 202: { ...verification, headers: ['Location'] } },
    problems: [400, 501],
  },
  {
    method: 'get',
    path: '/-/api/verifications',
    id: 'listVerifications',
    tag: 'Verifications',
    summary: 'The latest jobs, newest first',
    protected: true,
    answers: { 200: { description: 'The jobs.', schema: jobs.verifications } },
    problems: [501],
  },
  {
    method: 'get',
    path: '/-/api/verifications/{id}',
    id: 'getVerification',
    tag: 'Verifications',
    summary: 'One job, and whether the fallbacks can be detached',
    protected: true,
    answers: { 200: verification },
    problems: [404, 501],
  },
  {
    method: 'get',
    path: '/-/api/verifications/{id}/differences',
    id: 'listDifferences',
    tag: 'Verifications',
    summary: 'Examples of what is missing, different, extra, changed or left out',
    protected: true,
    query: differencesQuery,
    answers: { 200: { description: 'One page.', schema: jobs.differences } },
    problems: [400, 404, 501],
  },
  {
    method: 'get',
    path: '/-/api/verifications/{id}/report',
    id: 'getVerificationReport',
    tag: 'Verifications',
    summary: 'The certificate as a page to read and keep',
    protected: true,
    answers: { 200: { description: 'A page without scripts.', type: 'text/html' } },
    problems: [404, 501],
  },
  {
    method: 'post',
    path: '/-/api/verifications/{id}/cancel',
    id: 'cancelVerification',
    tag: 'Verifications',
    summary: 'Ends the job',
    protected: true,
    answers: { 200: verification },
    problems: [404, 501],
  },
]

/** Backfills and verifications. */
export const jobOperations: readonly Operation[] = [...backfills, deadCopies, ...verifications]

function control(action: 'pause' | 'resume' | 'cancel' | 'retry_failed'): Operation {
  const [summary, id] = {
    pause: ['Pauses the job', 'pauseBackfill'],
    resume: ['Goes on with a paused job', 'resumeBackfill'],
    cancel: ['Ends the job; what was copied stays', 'cancelBackfill'],
    retry_failed: ['Tries again what failed', 'retryFailedBackfill'],
  }[action] as [string, string]
  return {
    method: 'post',
    path: `/-/api/backfills/{id}/${action}`,
    id,
    tag: 'Backfills',
    summary,
    protected: true,
    answers: { 200: backfill },
    problems: [404, 409, 501],
  }
}

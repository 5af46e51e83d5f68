import type {
  Backfill,
  BackfillRequest,
  DifferencePage,
  FailurePage,
  Manifest,
  Verification,
  VerificationRequest,
} from './job-answers.ts'
import { type Ask, checkPrefix, type Send } from './request.ts'

interface CursorOptions {
  limit?: number
  cursor?: string
}

/** Backfills and verifications. */
export interface Jobs {
  startBackfill(request?: BackfillRequest, manifest?: Manifest): Promise<Backfill>
  /** Newest first. */
  backfills(): Promise<Backfill[]>
  backfill(id: string): Promise<Backfill>
  pauseBackfill(id: string): Promise<Backfill>
  resumeBackfill(id: string): Promise<Backfill>
  cancelBackfill(id: string): Promise<Backfill>
  retryFailed(id: string): Promise<Backfill>
  backfillFailures(id: string, options?: CursorOptions): Promise<FailurePage>
  startVerification(request?: VerificationRequest): Promise<Verification>
  /** Newest first. */
  verifications(): Promise<Verification[]>
  verification(id: string): Promise<Verification>
  cancelVerification(id: string): Promise<Verification>
  differences(id: string, options?: CursorOptions): Promise<DifferencePage>
  /** The certificate as a page of HTML. */
  verificationReport(id: string): Promise<string>
}

export function createJobs(send: Send, ask: Ask): Jobs {
  const control = (action: string) => (id: string) =>
    ask<Backfill>(`backfills/${encodeURIComponent(id)}/${action}`, { method: 'POST' })
  return {
    async startBackfill(request = {}, manifest) {
      checkPrefix(request.prefix)
      checkPrefix(request.manifest)
      if (!manifest) return ask('backfills', { method: 'POST', json: request })
      const { backends, ...query } = request
      return ask('backfills', {
        method: 'POST',
        query: { ...query, backends: backends?.join(',') },
        headers: { 'Content-Type': manifest.type },
        body: manifest.body,
      })
    },
    backfills: async () => (await ask<{ backfills: Backfill[] }>('backfills')).backfills,
    backfill: (id) => ask(`backfills/${encodeURIComponent(id)}`),
    pauseBackfill: control('pause'),
    resumeBackfill: control('resume'),
    cancelBackfill: control('cancel'),
    retryFailed: control('retry_failed'),
    backfillFailures: (id, { limit, cursor } = {}) =>
      ask(`backfills/${encodeURIComponent(id)}/failures`, { query: { limit, cursor } }),
    async startVerification(request = {}) {
      checkPrefix(request.prefix)
      return ask('verifications', { method: 'POST', json: request })
    },
    verifications: async () => (await ask<{ verifications: Verification[] }>('verifications')).verifications,
    verification: (id) => ask(`verifications/${encodeURIComponent(id)}`),
    cancelVerification: (id) => ask(`verifications/${encodeURIComponent(id)}/cancel`, { method: 'POST' }),
    verificationReport: async (id) =>
      (await send(`-/api/verifications/${encodeURIComponent(id)}/report`)).text(),
    differences: (id, { limit, cursor } = {}) =>
      ask(`verifications/${encodeURIComponent(id)}/differences`, { query: { limit, cursor } }),
  }
}

import { computed, type ReadonlySignal, signal } from '@preact/signals'
import { ApiError } from '../../client/client.ts'

export interface Upload {
  readonly id: number
  /** The name that is asked for; the Worker chooses another if it is taken. */
  readonly name: string
  readonly file: File
  readonly state: 'waiting' | 'sending' | 'done' | 'failed' | 'cancelled'
  /** Bytes sent so far. */
  readonly sent: number
  /** The name that it was stored under. */
  readonly storedAs?: string
  readonly error?: unknown
}

/** Stores a file and returns the name that it got. */
export type Send = (
  upload: Upload,
  options: { onProgress: (sent: number) => void; signal: AbortSignal },
) => Promise<string>

interface Options {
  /** Called when a file has been stored. */
  onStored?: (name: string) => void
  concurrency?: number
}

/** Sends files one after the other, a few at a time. */
export function createUploadQueue(send: Send, { onStored, concurrency = 3 }: Options = {}) {
  const uploads = signal<readonly Upload[]>([])
  const running = new Map<number, AbortController>()
  let lastId = 0

  const updateAll = (isMeant: (upload: Upload) => boolean, change: Partial<Upload>): void => {
    uploads.value = uploads.peek().map((upload) => (isMeant(upload) ? { ...upload, ...change } : upload))
  }
  const update = (id: number, change: Partial<Upload>): void =>
    updateAll((upload) => upload.id === id, change)

  const start = async (upload: Upload): Promise<void> => {
    const { id } = upload
    const abort = new AbortController()
    running.set(id, abort)
    update(id, { state: 'sending', sent: 0 })
    try {
      const storedAs = await send(upload, {
        signal: abort.signal,
        onProgress: (sent) => update(id, { sent }),
      })
      update(id, { state: 'done', sent: upload.file.size, storedAs })
      onStored?.(storedAs)
    } catch (error) {
      update(id, abort.signal.aborted ? { state: 'cancelled' } : { state: 'failed', error })
      // The session has ended: the others would be sent for nothing.
      if (error instanceof ApiError && error.status === 401) updateAll(isWaiting, { state: 'failed', error })
    } finally {
      running.delete(id)
      startWaiting()
    }
  }

  const startWaiting = (): void => {
    for (const upload of uploads.peek()) {
      if (running.size >= concurrency) return
      if (upload.state === 'waiting') void start(upload)
    }
  }

  return {
    uploads: uploads as ReadonlySignal<readonly Upload[]>,
    /** Whether something is in flight or waits for it. */
    isBusy: computed(() => uploads.value.some(isPending)),
    add(files: readonly { name: string; file: File }[]): void {
      const added = files.map(({ name, file }): Upload => {
        lastId += 1
        return { id: lastId, name, file, state: 'waiting', sent: 0 }
      })
      uploads.value = [...uploads.peek(), ...added]
      startWaiting()
    },
    cancel(id: number): void {
      const abort = running.get(id)
      if (abort) abort.abort()
      else update(id, { state: 'cancelled' })
    },
    cancelAll(): void {
      updateAll(isWaiting, { state: 'cancelled' })
      for (const abort of running.values()) abort.abort()
    },
    /** Sends a file that failed or was cancelled again. */
    retry(id: number): void {
      update(id, { state: 'waiting', sent: 0, error: undefined })
      startWaiting()
    },
    retryFailed(): void {
      updateAll(({ state }) => state === 'failed', { state: 'waiting', sent: 0, error: undefined })
      startWaiting()
    },
    /** Takes everything that has ended out of the list. */
    clear(): void {
      uploads.value = uploads.peek().filter(isPending)
    },
  }
}

function isWaiting({ state }: Upload): boolean {
  return state === 'waiting'
}

export function isPending({ state }: Upload): boolean {
  return state === 'waiting' || state === 'sending'
}

/** How much of all that was not cancelled has been sent, by bytes. */
export function progressOf(uploads: readonly Upload[]): number {
  const counted = uploads.filter(({ state }) => state !== 'cancelled' && state !== 'failed')
  const total = counted.reduce((sum, { file }) => sum + file.size, 0)
  if (total === 0) return counted.some(isPending) ? 0 : 1
  return counted.reduce((sum, { sent }) => sum + sent, 0) / total
}

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ApiError } from '../../src/client/client.ts'
import { chosenFiles, droppedFiles, pastedFiles } from '../../src/dashboard/uploads/files.ts'
import { createUploadQueue, progressOf, type Send, type Upload } from '../../src/dashboard/uploads/queue.ts'

const file = (name: string, size = 1) => ({ name, file: new File(['x'.repeat(size)], name) })

/** A server that stores a file when the test says so. */
function server() {
  const calls: {
    upload: Upload
    onProgress: (sent: number) => void
    end: (result: string | Error) => Promise<void>
  }[] = []
  const send: Send = (upload, { onProgress, signal }) =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')))
      const end = async (result: string | Error) => {
        if (typeof result === 'string') resolve(result)
        else reject(result)
        await settled()
      }
      calls.push({ upload, onProgress, end })
    })
  return { send, calls }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0))
const statesOf = ({ uploads }: ReturnType<typeof createUploadQueue>) =>
  uploads.value.map(({ state }) => state)

describe('the queue of uploads', () => {
  it('sends three files at a time, in order, and shows the names that they got', async () => {
    const { send, calls } = server()
    const stored: string[] = []
    const queue = createUploadQueue(send, { onStored: (name) => stored.push(name) })
    queue.add(['a', 'b', 'c', 'd', 'e'].map((name) => file(name)))
    expect(statesOf(queue)).toEqual(['sending', 'sending', 'sending', 'waiting', 'waiting'])
    await calls[1]?.end('b_x7Qm2Lp')
    expect(statesOf(queue)).toEqual(['sending', 'done', 'sending', 'sending', 'waiting'])
    expect(queue.uploads.value[1]).toMatchObject({ storedAs: 'b_x7Qm2Lp', sent: 1 })
    expect(stored).toEqual(['b_x7Qm2Lp'])
    expect(calls.map(({ upload }) => upload.name)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('says how far all of them are, by bytes', async () => {
    const { send, calls } = server()
    const queue = createUploadQueue(send)
    queue.add([file('a', 100), file('b', 300)])
    calls[0]?.onProgress(100)
    calls[1]?.onProgress(100)
    expect(progressOf(queue.uploads.value)).toBe(0.5)
    queue.cancel(2)
    await settled()
    expect(progressOf(queue.uploads.value)).toBe(1)
    expect(progressOf([])).toBe(1)
  })

  it('goes on when a file fails, and sends that one again when asked to', async () => {
    const { send, calls } = server()
    const queue = createUploadQueue(send, { concurrency: 1 })
    queue.add([file('a'), file('b')])
    await calls[0]?.end(new Error('full'))
    expect(statesOf(queue)).toEqual(['failed', 'sending'])
    expect(queue.uploads.value[0]?.error).toEqual(new Error('full'))
    await calls[1]?.end('b')
    queue.retry(1)
    expect(statesOf(queue)).toEqual(['sending', 'done'])
    await calls[2]?.end('a')
    expect(queue.isBusy.value).toBe(false)
  })

  it('sends all that failed again, however many', async () => {
    const { send, calls } = server()
    const queue = createUploadQueue(send, { concurrency: 1 })
    queue.add(['a', 'b', 'c'].map((name) => file(name)))
    await calls[0]?.end(new Error('full'))
    await calls[1]?.end('b')
    await calls[2]?.end(new Error('full'))
    queue.retryFailed()
    expect(statesOf(queue)).toEqual(['sending', 'done', 'waiting'])
    await calls[3]?.end('a')
    await calls[4]?.end('c')
    expect(statesOf(queue)).toEqual(['done', 'done', 'done'])
  })

  it('sends nothing more once the session has ended, until it is asked to', async () => {
    const { send, calls } = server()
    const queue = createUploadQueue(send, { concurrency: 1 })
    queue.add(['a', 'b', 'c'].map((name) => file(name)))
    const problem = { type: 'about:blank', title: 'Unauthorized', status: 401, detail: 'sign in' }
    await calls[0]?.end(new ApiError(problem))
    expect(statesOf(queue)).toEqual(['failed', 'failed', 'failed'])
    expect(queue.uploads.value[2]?.error).toMatchObject({ status: 401 })
    expect(calls).toHaveLength(1)
    queue.retryFailed()
    expect(statesOf(queue)).toEqual(['sending', 'waiting', 'waiting'])
  })

  it('cancels thousands at once', () => {
    const { send } = server()
    const queue = createUploadQueue(send)
    queue.add(Array.from({ length: 20_000 }, (_, index) => file(`${index}`)))
    const started = performance.now()
    queue.cancelAll()
    expect(performance.now() - started).toBeLessThan(500)
  })

  it('cancels what is sent and what waits, and starts the next', async () => {
    const { send, calls } = server()
    const queue = createUploadQueue(send, { concurrency: 1 })
    queue.add(['a', 'b', 'c'].map((name) => file(name)))
    queue.cancel(2)
    queue.cancel(1)
    await settled()
    expect(statesOf(queue)).toEqual(['cancelled', 'cancelled', 'sending'])
    expect(calls.map(({ upload }) => upload.name)).toEqual(['a', 'c'])
    queue.cancelAll()
    await settled()
    expect(statesOf(queue)).toEqual(['cancelled', 'cancelled', 'cancelled'])
    queue.clear()
    expect(queue.uploads.value).toEqual([])
  })

  it('never sends more than allowed, and ends with nothing pending', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        async (outcomes, concurrency) => {
          let inFlight = 0
          let most = 0
          const queue = createUploadQueue(
            async ({ id, name }) => {
              inFlight += 1
              most = Math.max(most, inFlight)
              await settled()
              inFlight -= 1
              if (!outcomes[id - 1]) throw new Error('failed')
              return name
            },
            { concurrency },
          )
          queue.add(outcomes.map((_, index) => file(`${index}`)))
          while (queue.isBusy.value) await settled()
          expect(most).toBe(Math.min(concurrency, outcomes.length))
          expect(statesOf(queue)).toEqual(outcomes.map((isStored) => (isStored ? 'done' : 'failed')))
        },
      ),
      { numRuns: 30 },
    )
  })
})

describe('the paths of files', () => {
  it('of a chosen folder begin with the folder', () => {
    const inFolder = Object.assign(new File([], 'a.jpg'), { webkitRelativePath: 'photos/2024/a.jpg' })
    const single = Object.assign(new File([], 'b.jpg'), { webkitRelativePath: '' })
    expect(chosenFiles([inFolder, single]).map(({ path }) => path)).toEqual(['photos/2024/a.jpg', 'b.jpg'])
  })

  it('of a dropped folder are those of all files in it, read a hundred at a time', async () => {
    const fileEntry = (fullPath: string) => ({
      isFile: true,
      isDirectory: false,
      fullPath,
      file: (resolve: (file: File) => void) => resolve(new File([], fullPath)),
    })
    const folder = (fullPath: string, entries: object[]) => ({
      isFile: false,
      isDirectory: true,
      fullPath,
      createReader() {
        let next = 0
        return {
          readEntries(resolve: (entries: object[]) => void) {
            resolve(entries.slice(next, next + 100))
            next += 100
          },
        }
      },
    })
    const many = Array.from({ length: 250 }, (_, index) => fileEntry(`/tree/sub/${index}.txt`))
    const tree = folder('/tree', [
      fileEntry('/tree/a.txt'),
      folder('/tree/sub', many),
      folder('/tree/empty', []),
    ])
    const items = [
      { webkitGetAsEntry: () => tree },
      { webkitGetAsEntry: () => null, getAsFile: () => new File([], 'dragged.png') },
      { webkitGetAsEntry: () => null, getAsFile: () => null },
    ]
    const paths = (await droppedFiles(items as unknown as DataTransferItemList)).map(({ path }) => path)
    expect(paths).toHaveLength(252)
    expect(paths).toEqual(expect.arrayContaining(['tree/a.txt', 'tree/sub/249.txt', 'dragged.png']))
  })

  it('of a pasted picture tell the time, those of pasted files stay', () => {
    const pasted = [new File([], 'image.png'), new File([], 'harbour.jpg')]
    expect(pastedFiles(pasted, new Date('2024-05-01T12:03:04Z')).map(({ path }) => path)).toEqual([
      'pasted-2024-05-01-12-03-04.png',
      'harbour.jpg',
    ])
  })
})

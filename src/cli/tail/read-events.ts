import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import * as v from 'valibot'

const request = v.object({ url: v.string(), method: v.string() })

/** An invocation of the Worker, as `wrangler tail --format json` prints it; only what is shown. */
const tailEvent = v.object({
  outcome: v.optional(v.string(), 'ok'),
  eventTimestamp: v.nullish(v.number()),
  event: v.nullish(
    v.object({
      request: v.optional(request),
      /** `overload` and `overload-stop` are notes of Cloudflare itself. */
      type: v.optional(v.string()),
      message: v.optional(v.string()),
    }),
  ),
  logs: v.optional(v.array(v.object({ level: v.string(), timestamp: v.number(), message: v.unknown() })), []),
  exceptions: v.optional(
    v.array(
      v.object({
        name: v.string(),
        message: v.unknown(),
        timestamp: v.number(),
        stack: v.nullish(v.string()),
      }),
    ),
    [],
  ),
})
export type TailEvent = v.InferOutput<typeof tailEvent>

/** The events in wrangler's output, where each takes one line or many. Other lines go to `onOther`. */
export async function* readEvents(
  output: Readable,
  onOther: (line: string) => void,
): AsyncGenerator<TailEvent> {
  let lines: string[] = []
  for await (const line of createInterface({ input: output, crlfDelay: Infinity })) {
    if (lines.length === 0 && !line.startsWith('{')) {
      if (line.trim() !== '') onOther(line)
      continue
    }
    lines.push(line)
    const isEnd = lines.length === 1 ? line.endsWith('}') : line === '}'
    if (!isEnd) continue
    const text = lines.join('\n')
    lines = []
    const event = parse(text)
    if (event) yield event
    else onOther(text)
  }
  if (lines.length > 0) onOther(lines.join('\n'))
}

function parse(text: string): TailEvent | undefined {
  try {
    const { success, output } = v.safeParse(tailEvent, JSON.parse(text))
    return success ? output : undefined
  } catch {
    return undefined
  }
}

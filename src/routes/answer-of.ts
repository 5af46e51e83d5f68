import { describeError, log } from '../observe/log.ts'
import { ProblemError } from './context.ts'

interface Source {
  /** The class of the Durable Object. */
  object: string
  /** What cannot be read if it fails. */
  title: string
  /** What the log says of it. */
  entry: [event: string, fields: Record<string, string>]
}

/** What a Durable Object answers. If it fails, the response is 503, and the log has the reason. */
export async function answerOf<T>(answer: Promise<T>, { object, title, entry }: Source): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const [event, fields] = entry
    log('error', event, { ...fields, reason: describeError(error) })
    const detail = `the Durable Object ${object} failed; the log has the reason`
    throw new ProblemError({ status: 503, title, detail })
  }
}

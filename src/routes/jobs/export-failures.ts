import { csvLine } from '../../jobs/backfill/csv.ts'
import type { BackfillFailure, FailurePage } from '../../schemas/job-answers.ts'
import { found } from './jobs.ts'

/** Failures that are read at once. */
export const EXPORTED = 1000

const COLUMNS = ['name', 'backend', 'error', 'detail', 'attempts'] as const

const FORMATS = {
  csv: {
    type: 'text/csv; charset=utf-8; header=present',
    head: csvLine(COLUMNS),
    line: (failure: BackfillFailure) => csvLine(COLUMNS.map((column) => failure[column])),
  },
  ndjson: {
    type: 'application/x-ndjson',
    head: '',
    line: (failure: BackfillFailure) => `${JSON.stringify(failure)}\n`,
  },
}

/** All failures of a backfill as a file, page by page. A page that cannot be read breaks it off, so it never looks complete. */
export async function exportFailures(
  id: string,
  format: keyof typeof FORMATS,
  read: (after: number) => Promise<FailurePage | null>,
): Promise<Response> {
  const { type, head, line } = FORMATS[format]
  const first = found(await read(0))
  const pages = async function* (): AsyncGenerator<string> {
    let before = head
    for (let page = first; ; page = found(await read(Number(page.cursor)))) {
      yield before + page.failures.map(line).join('')
      before = ''
      if (page.cursor === null) return
    }
  }
  const text = pages()
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await text.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
  })
  return new Response(body, {
    headers: {
      'Content-Type': type,
      'Content-Disposition': `attachment; filename="backfill-${id}-failures.${format}"`,
      'Cache-Control': 'no-store',
    },
  })
}

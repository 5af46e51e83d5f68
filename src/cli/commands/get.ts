import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { usageError } from '../errors.ts'
import { bytes, took } from '../output.ts'
import { createProgress } from '../progress.ts'
import { type Session, sessionOf } from '../session.ts'
import { download, fileSink, streamSink } from '../transfers.ts'

interface GetOptions {
  name: string
  file: string | undefined
  resume: boolean
}

export function addGet(program: Command): void {
  program
    .command('get')
    .summary('download an object')
    .description(
      'Downloads an object. An interrupted download resumes where it stopped, unless the object has changed.\n' +
        'Like any other read, it copies the object if migration is on.',
    )
    .argument('<name>', 'name of the object')
    .argument('[file]', 'file or folder to write; - for standard output. Default: the last part of the name')
    .option('--no-resume', 'start over, even if an earlier download was interrupted')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage get photos/harbour.jpg
  fallback-storage get 'photos/photo (1).jpg' ~/Pictures/
  fallback-storage get video/testcard.mp4 - | ffprobe -`,
    )
    .action(
      async (name: string, file: string | undefined, options: { resume: boolean }, command: Command) => {
        await get(sessionOf(command), { name, file, resume: options.resume })
      },
    )
}

async function get({ client, headers, output }: Session, { name, file, resume }: GetOptions): Promise<void> {
  if (file === '-' && output.json)
    throw usageError('--json and - both write to standard output: leave one out')
  const url = client.mediaUrl(name)
  const target = file === '-' ? '-' : await fileFor(name, file)
  const sink = target === '-' ? streamSink(process.stdout) : await fileSink(target, { url, resume })
  const progress = createProgress({ label: name, show: bytes, quiet: output.quiet || output.json })
  const started = Date.now()
  const onInterrupt = () =>
    output.interrupted('Interrupted. Run the same command again to resume the download.')
  if (target !== '-') process.prependOnceListener('SIGINT', onInterrupt)
  try {
    const done = await download({
      request: { url, headers: { ...headers, 'Accept-Encoding': 'identity' } },
      sink,
      onProgress: (at, total) => progress.update(at, total === undefined ? {} : { total }),
      onLost: (reason) => output.note(`${reason}; resuming at ${bytes(sink.offset)}`),
    })
    await sink.finish()
    progress.end()
    const { size, etag, contentType, resumedFrom } = done
    if (output.json) {
      output.record({ name, file: target, size, etag, content_type: contentType, resumed_from: resumedFrom })
    } else if (target !== '-') {
      const from = resumedFrom > 0 ? `, resumed at ${bytes(resumedFrom)}` : ''
      output.note(`${target}: ${bytes(size)} in ${took(started)}${from}`)
    }
  } catch (error) {
    progress.end()
    await sink.close()
    throw error
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}

async function fileFor(name: string, file: string | undefined): Promise<string> {
  const own = name.slice(name.lastIndexOf('/') + 1)
  const isFolder =
    file === undefined ||
    file.endsWith('/') ||
    (await stat(file).then(
      (found) => found.isDirectory(),
      () => false,
    ))
  if (!isFolder) return file
  if (own === '') throw usageError('the name ends in "/": give a file to write it to')
  return join(file ?? '', own)
}

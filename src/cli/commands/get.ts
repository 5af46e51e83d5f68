import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Command } from 'commander'
import { downloadTo } from '../download.ts'
import { usageError } from '../exit.ts'
import { bytes, took } from '../format.ts'
import { createProgress } from '../progress.ts'
import { type Session, sessionOf } from '../session.ts'
import { fileSink, streamSink } from '../sink.ts'

export function addGet(program: Command): void {
  program
    .command('get')
    .summary('download an object')
    .description(
      'Downloads an object. What broke off goes on where it ended, if the object is still the same.\n' +
        'Where copying on read is on, the object moves as it does for any reader.',
    )
    .argument('<name>', 'name of the object')
    .argument('[file]', 'file or folder to write; - for standard output. Default: the last part of the name')
    .option('--no-resume', 'begin anew, even if an earlier download broke off')
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

interface Wanted {
  name: string
  file: string | undefined
  resume: boolean
}

async function get({ client, headers, output }: Session, { name, file, resume }: Wanted): Promise<void> {
  if (file === '-' && output.json) throw usageError('--json and - both want standard output')
  const url = client.mediaUrl(name)
  const target = file === '-' ? '-' : await fileFor(name, file)
  const sink = target === '-' ? streamSink(process.stdout) : await fileSink(target, { url, resume })
  const progress = createProgress({ label: name, show: bytes, quiet: output.quiet || output.json })
  const started = Date.now()
  const onInterrupt = () =>
    output.interrupted('Interrupted. Run the same command again to resume the download.')
  if (target !== '-') process.prependOnceListener('SIGINT', onInterrupt)
  try {
    const done = await downloadTo({
      request: { url, headers: { ...headers, 'Accept-Encoding': 'identity' } },
      sink,
      onProgress: (at, total) => progress.update(at, total === undefined ? {} : { total }),
      onLost: (reason) => output.note(`${reason}; going on from ${bytes(sink.offset)}`),
    })
    await sink.finish()
    progress.end()
    const { size, etag, contentType, resumedFrom } = done
    if (output.json) {
      output.record({ name, file: target, size, etag, content_type: contentType, resumed_from: resumedFrom })
    } else if (target !== '-') {
      const from = resumedFrom > 0 ? `, the first ${bytes(resumedFrom)} of it were there` : ''
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
  const own = basename(name)
  if (file === undefined) {
    if (own === '') throw usageError('the name ends in /: which file shall it be written to?')
    return own
  }
  const isFolder =
    file.endsWith('/') ||
    (await stat(file).then(
      (found) => found.isDirectory(),
      () => false,
    ))
  return isFolder ? join(file, own) : file
}

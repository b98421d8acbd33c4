// tus-js-client in a process of its own: node upload.cjs '{"module", "file", "headers", ...options of tus.Upload}'.
// Prints a line per event: "url ADDRESS", "from OFFSET", "at BYTES", "done ADDRESS"; an error ends it with code 1.
'use strict'
const fs = require('fs')
const { PassThrough } = require('stream')
const { module: path, file, stream, piped, resume, ledger, ...options } = JSON.parse(process.argv[2])
const tus = require(path)

const say = (...words) => fs.writeSync(1, words.join(' ') + '\n')
const plain = () => (stream ? fs.createReadStream(file) : fs.readFileSync(file))
// what is piped has no length of its own, which a file's stream has
const source = piped ? fs.createReadStream(file).pipe(new PassThrough({ highWaterMark: 1 << 23 })) : plain()
if (ledger) options.urlStorage = new tus.FileUrlStorage(ledger)
let first = true
const upload = new tus.Upload(source, {
  ...options,
  fingerprint: async () => `the file ${file}`,
  onUploadUrlAvailable: () => say('url', upload.url),
  onAfterResponse: (request, response) => {
    if (request.getMethod() === 'HEAD' && first) say('from', response.getHeader('Upload-Offset'))
    first = false
  },
  onProgress: (sent) => say('at', sent),
  onSuccess: () => say('done', upload.url),
  onError: (error) => {
    say('error', String(error).replaceAll('\n', ' '))
    process.exit(1)
  },
})

async function start() {
  if (resume) {
    const before = await upload.findPreviousUploads()
    if (before.length !== 1) throw new Error(`${before.length} uploads to resume`)
    upload.resumeFromPreviousUpload(before[0])
  }
  upload.start()
}

start()

// Imported first, and written so that an old Node can read it: nothing newer may stand here.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 11)) {
  process.stderr.write(
    `oncommit needs Node.js 24.11 or newer, this is v${process.versions.node} (${process.execPath}).\n` +
      'In a clone of this repository use the npm scripts: they run on the Node.js that npm ci installed.\n',
  )
  process.exit(2)
}

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0013_fix_recipes'),
    ]

    operations = [
        migrations.CreateModel(
            name='LakeSketch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('table', models.CharField(max_length=48)),
                ('session', models.DateField()),
                ('low', models.FloatField()),
                ('high', models.FloatField()),
                ('marks', models.BinaryField()),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sketches', to='datasets.lakeentry')),
            ],
        ),
        migrations.AddIndex(
            model_name='lakesketch',
            index=models.Index(fields=['session', 'table'], name='lake_sketch_by_session'),
        ),
        migrations.AddConstraint(
            model_name='lakesketch',
            constraint=models.UniqueConstraint(fields=('entry', 'session'), name='lake_sketch_once'),
        ),
        migrations.RemoveIndex(
            model_name='lakepartition',
            name='lake_partition_by_digest',
        ),
        migrations.AddField(
            model_name='lakepartition',
            name='mark',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name='lakepartition',
            index=models.Index(condition=models.Q(('mark__isnull', False)), fields=['mark'], name='lake_partition_by_mark'),
        ),
        migrations.AddField(
            model_name='lakesegment',
            name='footer',
            field=models.CharField(blank=True, default='', max_length=64),
            preserve_default=False,
        ),
    ]
